"""The documentation's site in a real browser: every page, on a screen and on a phone, without network."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.browser import Page, browsing, chromium

ROOT = Path(__file__).resolve().parents[2]
DESKTOP, PHONE = 1280, 390
BROKEN = "Array.from(document.images).filter(i => !i.complete || i.naturalWidth == 0).map(i => i.src)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("browser")]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    chromium()
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder


@pytest.fixture(scope="module")
def origin(site: Path) -> Iterator[str]:
    """Where it is served."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
async def page(origin: str) -> AsyncIterator[Page]:
    """A tab."""
    async with browsing(origin) as tab:
        yield tab


def paths(site: Path) -> list[str]:
    """Every page of the site."""
    found = sorted(path.parent.relative_to(site) for path in site.rglob("index.html"))
    return ["/" if path == Path() else f"/{path}/" for path in found]


@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_every_page_shows_without_errors(site: Path, page: Page, width: int) -> None:
    """No error in the console, no request that fails or leaves the site, no broken picture, nothing wider than the screen."""
    assert len(paths(site)) > 40
    for path in paths(site):
        await page.open(path, width=width)
        assert await page.evaluate(BROKEN) == [], path
        assert await page.evaluate(OVERFLOW) <= 0, path
        assert page.problems == [], path


async def test_what_is_broken_is_noticed(site: Path, page: Page) -> None:
    """A picture, a script and a page that are not there, and a line that is too wide for a phone."""
    body = "<img src='/none.svg'><script>missing()</script><div style='width: 2000px'>wide</div>"
    (site / "broken.html").write_text(f"<!doctype html><body>{body}</body>", encoding="utf-8")
    await page.open("/broken.html", width=PHONE)
    assert await page.evaluate(BROKEN) != []
    assert await page.evaluate(OVERFLOW) > 0
    assert any("missing is not defined" in problem for problem in page.problems)
    assert any("404" in problem for problem in page.problems)


async def test_the_search_finds_a_page(page: Page) -> None:
    """As somebody would type it."""
    await page.open("/", width=DESKTOP)
    await page.evaluate("document.querySelector('[data-md-toggle=search]').click()")
    await page.evaluate("document.querySelector('.md-search__input').focus()")
    for letter in "gang scheduling":
        await page.send("Input.insertText", text=letter)
    links = "Array.from(document.querySelectorAll('.md-search-result__link')).map(a => a.href)"
    found: list[str] = []
    while not found:
        found = await page.evaluate(f"new Promise(done => setTimeout(() => done({links}), 100))")
    assert any("/how-to/gang-scheduling/" in link for link in found)
    assert page.problems == []


async def test_the_home_page_says_which_version_it_is_about(page: Page) -> None:
    """At its foot."""
    await page.open("/", width=DESKTOP)
    assert "model-controller 0." in await page.evaluate("document.querySelector('.md-copyright').innerText")
