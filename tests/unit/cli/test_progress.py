"""Progress: silent for short inputs, rare for long ones, and never on standard output."""

from collections.abc import Iterator

import pytest

from controller.cli.progress import announce_reading, progress


def ticking(seconds: float) -> Iterator[float]:
    """A clock that moves by so many seconds at each look."""
    now = 0.0
    while True:
        yield now
        now += seconds


def shown(count: int, seconds: float) -> list[int]:
    clock = ticking(seconds)
    return list(progress(range(count), "checked", clock=lambda: next(clock)))


def test_a_short_input_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """All items come through, in their order."""
    assert shown(100, 0.001) == list(range(100))
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """Each on its own line, with how many are done of how many."""
    shown(30, 1.0)
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.splitlines() == ["checked 9 of 30", "checked 19 of 30", "checked 29 of 30"]


def test_a_terminal_gets_one_line_that_is_removed_in_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes in place."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown(30, 0.1)
    errors = capsys.readouterr().err
    assert "\n" not in errors
    assert errors.count("checked ") > 3
    assert errors.endswith("\r\x1b[K")


def test_reading_a_large_file_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """Parsing it takes seconds."""
    announce_reading("a.yaml", 400)
    announce_reading("b.yaml", 2_700_000)
    assert capsys.readouterr().err == "b.yaml: reading 2.7 MB\n"
