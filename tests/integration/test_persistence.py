"""An embedded server that keeps its data in a file."""

from pathlib import Path

import aiohttp
import pytest

from controller.envtest.embedded.persistence import PersistenceError
from controller.envtest.embedded.server import EmbeddedServer
from tests.support.conformance_api import Api
from tests.support.widgets import GROUP, a_widget, widget_crd

WIDGETS = f"/apis/{GROUP}/v1/namespaces/default/widgets"


async def test_everything_is_there_again(tmp_path: Path) -> None:
    """Objects keep their uids and versions, CRDs are served, and what is created afterwards is newer."""
    file = tmp_path / "data.json"
    first = EmbeddedServer([widget_crd()], persist=file)
    await first.start()
    async with aiohttp.ClientSession() as session:
        before = (await Api(session, first.url).post(WIDGETS, a_widget())).body
        await first.stop()
        second = EmbeddedServer([widget_crd()], persist=file)
        await second.start()
        api = Api(session, second.url)
        assert (await api.get(f"{WIDGETS}/one")).body == before
        newer = (await api.post(WIDGETS, a_widget("two"))).body
        assert int(newer["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
        await second.stop()


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"kind": "Pod"}')
    with pytest.raises(PersistenceError, match="cannot be read as the data of an API server"):
        EmbeddedServer(persist=file)
