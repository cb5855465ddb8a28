"""Structured logs on standard error, as JSON or for a console. Secrets are removed right before an entry is written."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from controller.runtime.exceptions import described

_HIDDEN = "***"

_SECRETS = (
    (("@",), re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,31}://)[^\s\"']{1,1024}@"), rf"\1{_HIDDEN}@"),
    (
        ("://",),
        re.compile(
            r"(?i)(\b[a-z][a-z0-9+.-]{0,31}://[^\s\"'?]{0,1024}\?)"
            r"(?=[^\s\"']{0,1024}(?:sig|auth|token|key|credential|expires|policy|secret|password))[^\s\"']+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)(\s+)[a-z0-9._~+/-]{6,}=*"), rf"\1\2{_HIDDEN}"),
    (
        ("?", "&"),
        re.compile(
            r"(?i)([?&](?:[a-z0-9_.-]{0,64}(?:signature|sig|token|secret|password|credential|api-?key|access-?key(?:id)?)"
            r"[a-z0-9_.-]{0,64})=)[^&\s\"'#]+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (
        ("password", "passwd", "secret", "token", "key", "credential"),
        re.compile(
            r"(?i)([\"']?\b(?:[a-z0-9_.-]{0,64}(?:password|passwd|secret|token|(?:api|access|private)[_-]?key(?:[_-]?id)?|credentials?))"
            r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]{4,}"
        ),
        rf"\1{_HIDDEN}",
    ),
    (("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), _HIDDEN),
    (
        ("hf_", "gh", "glpat-", "sk-", "akia", "asia"),
        re.compile(r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-)[A-Za-z0-9_-]{8,}|\b(?:AKIA|ASIA)[0-9A-Z]{12,}"),
        _HIDDEN,
    ),
)
"""What makes a text worth a closer look (any of these, in lower case), the pattern, and what replaces it.

Every repetition that something has to follow is bounded: the time to search a text grows with its length alone.
"""

_LOGGED_CHARS = 32_768
"""Longest text of a log entry; what follows is cut off, so that no text holds up the event loop."""

_SECRET_KEYS = re.compile(r"(?i)(authorization|password|secret|token|api_?key|client-key-data)$")


def redact(text: str) -> str:
    """The text without parts that look like secrets: user info and signed queries of URLs, bearer and access tokens, ``password=…``."""
    lower = text.lower()
    for signs, pattern, replacement in _SECRETS:
        if any(sign in lower for sign in signs):
            text = pattern.sub(replacement, text)
    return text


def shortened(text: str, chars: int) -> str:
    """The text, or its first words and an ellipsis, in at most about ``chars`` characters; a word is not cut, it may be a secret."""
    if len(text) <= chars:
        return text
    head = text[:chars]
    return f"{head.rpartition(' ')[0] or head}…"


def redact_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: redacts every text of the entry, nested ones too, cuts long ones, and hides the values of secret keys."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: object) -> object:
    if isinstance(value, str):
        return _HIDDEN if _SECRET_KEYS.search(key) else redact(shortened(value, _LOGGED_CHARS))
    if isinstance(value, Mapping):
        return {name: _redacted(str(name), part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(key, part) for part in value]
    if isinstance(value, BaseException):
        return redact(shortened(described(value), _LOGGED_CHARS))
    return value


def configure_logging(*, level: str = "info", format: Literal["json", "console"] = "json") -> None:
    """Set up the logs of the process, including libraries that use the standard ``logging`` module.

    One line an entry with ``ts``, ``level``, ``logger``, ``msg`` and the bound keys (``controller``, ``namespace``, ``name``,
    ``reconcileID``).
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    render: list[Processor] = (
        [structlog.processors.EventRenamer("msg"), redact_secrets, structlog.processors.JSONRenderer(default=str)]
        if format == "json"
        else [redact_secrets, structlog.dev.ConsoleRenderer(timestamp_key="ts", colors=sys.stderr.isatty())]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number if number <= logging.DEBUG else max(number, logging.WARNING))
    logging.getLogger("controller").setLevel(number)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
