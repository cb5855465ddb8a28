"""Texts and kinds of exceptions, for single ones and for groups."""


def consists_of(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether the error is one of these kinds, or a group whose members all are."""
    if isinstance(error, BaseExceptionGroup):
        return all(consists_of(part, kinds) for part in error.exceptions)
    return isinstance(error, kinds)


def message_of(error: BaseException) -> str:
    """The error's text, or its class if it has none; for a group, the distinct texts of its members. Never raises."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(message_of(part) for part in error.exceptions))
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a user's exception class may have a broken __str__
        return type(error).__name__


def described(error: BaseException) -> str:
    """Class and text of the error, for a log. Never raises."""
    name, text = type(error).__name__, message_of(error)
    return name if text == name else f"{name}: {text}"
