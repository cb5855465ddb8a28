"""Logs: one JSON object a line with the bound keys, and no secret in any of them."""

import json
import subprocess
import sys

import pytest

from controller.runtime import redact
from controller.runtime.logging import redact_secrets


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("get https://me:hunter22@host/x", "hunter22"),
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ("s3://b/k?X-Amz-Signature=0a1b2c&X-Amz-Date=1", "0a1b2c"),
        ("https://h/x?sig=verysecret&se=2", "verysecret"),
        ('{"password": "hunter22"}', "hunter22"),
        ("env HF_TOKEN=hf_abcdefgh set", "hf_abcdefgh"),
        ("s3://AKID:half/other@bucket/x", "other"),
        ("https://h/x?Policy=cG9saWN5&Expires=1&Key-Pair-Id=K1", "cG9saWN5"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/XX+YY", "wJalr"),
        ("access_key: abcdefgh", "abcdefgh"),
        ("401 for hf_AbCdEfGhIjKl", "AbCdEfGhIjKl"),
        ("no such key AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
    ],
)
def test_secrets_are_hidden(text: str, secret: str):
    """URL credentials, bearer tokens, signed query strings, key-value pairs with telling names."""
    assert secret not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "waiting for ModelInfer test-model-backend2 (GroupProgressing)",
        "https://host:8443/apis/registry.volcano.sh/v1alpha1/models?limit=500&resourceVersion=12",
        'models.registry.volcano.sh "m" is forbidden: User "system:serviceaccount:a:b" cannot list resource',
        "--max-num-batched-tokens=4096",
    ],
)
def test_ordinary_text_is_left_alone(text: str):
    """What people need to read stays readable."""
    assert redact(text) == text


@pytest.mark.parametrize("piece", ["a-", "a://", "a://b?", "key_", "?a-"])
def test_a_long_text_that_nearly_holds_secrets_is_looked_through_soon(piece: str):
    """A text of a stranger must not stop the process: with unbounded repetitions this would take minutes."""
    text = piece * (2**16 // len(piece))
    assert redact(text) == text


def test_secrets_are_hidden_in_nested_values_and_errors():
    """Wherever in the entry they stand."""
    entry = redact_secrets(
        None,
        "info",
        {
            "event": "x",
            "headers": {"Authorization": "abc", "Accept": "json"},
            "urls": ["https://u:hunter22@h"],
            "error": ValueError("https://u:hunter22@h"),
            "count": 3,
        },
    )
    assert "hunter22" not in str(entry)
    assert entry["headers"] == {"Authorization": "***", "Accept": "json"}
    assert entry["count"] == 3


def logged(format: str, code: str) -> list[str]:
    program = f"""
import logging, structlog
from controller.runtime.logging import configure_logging
configure_logging(level="info", format={format!r})
log = structlog.get_logger("controller.test")
{code}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_logs_are_one_object_a_line_with_the_bound_keys():
    """Time, level, logger and message beside what was bound; debug is left out at level info."""
    lines = logged(
        "json",
        """
with structlog.contextvars.bound_contextvars(controller="c", reconcileID="1"):
    log.info("Started", workers=3)
    log.debug("Unseen")
logging.getLogger("aiohttp").warning("token=%s", "abcdefgh")
logging.getLogger("aiohttp").info("Unseen")
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("Panic", exc_info=error)
""",
    )
    first, second, third = (json.loads(line) for line in lines)
    assert first.pop("ts").endswith("Z")
    assert first == {
        "msg": "Started",
        "level": "info",
        "logger": "controller.test",
        "workers": 3,
        "controller": "c",
        "reconcileID": "1",
    }
    assert second["msg"] == "token=***"
    assert "ZeroDivisionError" in third["exception"]


def test_console_logs_are_for_people():
    """Message and keys in one line, no colours where there is no terminal."""
    (line,) = logged("console", 'log.info("Started", workers=3)')
    assert "Started" in line
    assert "workers=3" in line
    assert "\x1b" not in line
