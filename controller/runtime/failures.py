"""What an exception is and says, be it one or a group of several."""


def consists_of(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether the error is one of these kinds, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(consists_of(part, kinds) for part in error.exceptions)
    return isinstance(error, kinds)


def message_of(error: BaseException) -> str:
    """The error's own words, of each member of a group once; its class where it has none."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(message_of(part) for part in error.exceptions))
    return str(error) or type(error).__name__
