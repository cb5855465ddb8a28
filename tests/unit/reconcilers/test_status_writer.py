"""A status is written once, only when it differs, and never onto another Model."""

from typing import Any

import pytest

from controller import meta
from controller.fronts import MODEL_FRONT
from controller.meta import Object, Resource
from controller.meta.errors import Conflict, StatusError, status_error
from controller.reconcilers.outcome import Problem
from controller.reconcilers.result import PassResult
from controller.reconcilers.status_writer import StatusWriter
from controller.testing import FakeClock
from tests.support.factories import a_model

CONFLICT = {"reason": "Conflict"}


class Server:
    """Stores one Model; ``errors`` are returned to the next patches, and it drops the fields ``unknown``."""

    def __init__(self, model: dict[str, Any] | None) -> None:
        self.model = model
        self.errors: list[StatusError] = []
        self.unknown: tuple[str, ...] = ()
        self.patches: list[dict[str, Any]] = []

    async def get(self, resource: Resource, name: str, namespace: str) -> Object:
        if self.model is None:
            raise status_error(404, "not found")
        return self.model

    async def patch(
        self, resource: Resource, name: str, patch: dict[str, Any], *, namespace: str, subresource: str
    ) -> Object:
        assert subresource == "status"
        self.patches.append(patch)
        if self.errors:
            raise self.errors.pop(0)
        if self.model is None:
            raise status_error(404, "not found")
        kept = {key: value for key, value in patch["status"].items() if key not in self.unknown}
        self.model = meta.merge_patch(self.model, {"status": kept})
        return self.model


def writing(model: dict[str, Any] | None) -> tuple[StatusWriter, Server]:
    server = Server(model)
    client: Any = server
    return StatusWriter(client, FakeClock(1000.0), MODEL_FRONT), server


def stored(**metadata: Any) -> dict[str, Any]:
    model = a_model("chat")
    model["metadata"] |= {"resourceVersion": "7", **metadata}
    return model


async def test_a_status_is_written_once() -> None:
    """With the version that it was computed from; the same result again sends nothing."""
    writer, server = writing(stored())
    written = await writer.write(stored(), PassResult())
    assert written is not None
    assert written.is_current
    assert meta.find_condition(meta.conditions_of(written.after), "Initialized") is not None
    assert server.patches[0]["metadata"]["resourceVersion"] == "7"
    again = await writer.write(written.after, PassResult())
    assert again is not None
    assert again.before is again.after
    assert len(server.patches) == 1


async def test_after_a_conflict_it_is_computed_from_the_live_model() -> None:
    """The result is about the generation that was worked on, not about the one that came meanwhile."""
    writer, server = writing(stored(resourceVersion="8", generation=2))
    server.errors = [status_error(409, CONFLICT)]
    written = await writer.write(stored(), PassResult())
    assert written is not None
    assert not written.is_current
    assert [patch["metadata"]["resourceVersion"] for patch in server.patches] == ["7", "8"]
    assert meta.status_of(written.after)["observedGeneration"] == 1


async def test_a_second_conflict_is_an_error() -> None:
    writer, server = writing(stored())
    server.errors = [status_error(409, CONFLICT), status_error(409, CONFLICT)]
    with pytest.raises(Conflict):
        await writer.write(stored(), PassResult())
    assert len(server.patches) == 2


@pytest.mark.parametrize(
    "live",
    [None, stored(uid="another"), stored(deletionTimestamp="2026-01-01T00:00:00Z")],
    ids=["gone", "another of its name", "being deleted"],
)
async def test_nothing_is_written_onto_another_model(live: dict[str, Any] | None) -> None:
    """The conflict is returned, so that the pass is repeated from what there is."""
    writer, server = writing(live)
    server.errors = [status_error(409, CONFLICT)]
    with pytest.raises(Conflict):
        await writer.write(stored(), PassResult())
    assert len(server.patches) == 1


async def test_a_model_that_was_removed_has_no_status() -> None:
    writer, _ = writing(None)
    assert await writer.write(stored(), PassResult()) is None


async def test_what_the_server_does_not_keep_is_not_sent_in_every_pass() -> None:
    """An older CRD drops a field; another status is sent all the same, and so is the first after the Model was forgotten."""
    writer, server = writing(stored())
    server.unknown = ("conditions",)
    first = await writer.write(stored(), PassResult())
    assert first is not None
    await writer.write(first.after, PassResult())
    assert len(server.patches) == 1
    problem = Problem("ModelServer", "chat-main", "apply", "no")
    await writer.write(first.after, PassResult(problems=(problem,), applied=False))
    assert len(server.patches) == 2
    writer.forget(meta.key_of(first.after))
    await writer.write(first.after, PassResult())
    assert len(server.patches) == 3
