"""The page about testing: its code runs as it stands, and its tests pass."""

import asyncio
import inspect
import re
from pathlib import Path
from types import ModuleType

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "testing-controllers.md").read_text(encoding="utf-8")


async def test_the_tests_on_the_page_pass() -> None:
    """Each of them, in the order of the page."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    module = ModuleType("page")
    exec(compile("\n".join(blocks), "docs/testing-controllers.md", "exec"), vars(module))
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        result = _in_thread(test) if not inspect.iscoroutinefunction(test) else test()
        await result


async def _in_thread(test: object) -> None:
    """A test that starts an event loop of its own cannot run inside of this one."""

    assert callable(test)
    await asyncio.to_thread(test)
