"""Random requests, in random order, to both control planes: codes, reasons, causes, stored objects and watch streams are the same.

``MODEL_CONTROLLER_DIFFERENTIAL_EXAMPLES`` sets how many sequences are tried, ``MODEL_CONTROLLER_DIFFERENTIAL_SEED`` another choice of them.
Every sequence starts from empty collections.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from controller.envtest import Environment, install_crds
from controller.envtest.binaries import ADMIN_TOKEN
from tests.support.conformance_api import Api, version
from tests.support.random_requests import SEQUENCES, WATCHES, Kind, Request, Seen
from tests.support.two_planes import comparable, comparable_object, differences
from tests.support.widgets import widget_crd

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("both"), pytest.mark.timeout(300)]
EXAMPLES = int(os.environ.get("MODEL_CONTROLLER_DIFFERENTIAL_EXAMPLES", "20"))
SEED = int(os.environ.get("MODEL_CONTROLLER_DIFFERENTIAL_SEED", "0"))
Object = dict[str, Any]
LAST = "zzz-last"
"""The object that ends a watch stream."""


@pytest.fixture(scope="module")
async def both(real_plane: None) -> AsyncIterator[list[Api]]:
    """The embedded and the real control plane, with Widgets."""
    async with Environment("embedded") as embedded, Environment("real") as real:
        for environment in (embedded, real):
            async with environment.client() as client:
                await install_crds(client, [widget_crd()])
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}) as session:
            yield [Api(session, embedded.url), Api(session, real.url)]


async def answers(
    api: Api, namespace: str, kind: Kind, sequence: list[Request], watch: tuple[Object, str]
) -> tuple[list[Any], list[Any]]:
    """Everything that one control plane answers, in comparable form, and the events of a watch that saw it happen."""
    seen, found = Seen(), []
    path, (query, accept) = kind.path.replace("NS", namespace), watch
    since = (await api.get(path)).body["metadata"]["resourceVersion"]
    async with api.watch(path, accept=accept, resourceVersion=since, **query) as stream:
        for request in sequence:
            answer = await request(seen).in_namespace(namespace).send(api)
            seen.note(answer)
            found.append(comparable(answer, namespace))
        events, versions = [], [int(since)]
        await api.post(path, last(kind))
        while True:
            type_, obj = await stream.next()
            versions.append(version(obj))
            if obj["metadata"]["name"] == LAST:
                break
            events.append((type_, comparable_object(obj, namespace)))
    assert versions == sorted(set(versions)), "the versions of events rise"
    return found, events


def last(kind: Kind) -> Object:
    """A valid object of the kind that every watch here sees."""
    container = {"name": "x", "image": "i"}
    pod = {"containers": [container], "serviceAccountName": "default", "automountServiceAccountToken": False}
    fields: dict[str, Object] = {
        "Pod": {"spec": pod},
        "Deployment": {
            "spec": {
                "selector": {"matchLabels": {"l": "1"}},
                "template": {"metadata": {"labels": {"l": "1"}}, "spec": {"containers": [container]}},
            }
        },
    }
    return {**kind.header, "metadata": {"name": LAST, "labels": {"a": "a"}}, **fields.get(kind.kind, {})}


@settings(
    max_examples=EXAMPLES,
    derandomize=SEED == 0,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)
@(seed(SEED) if SEED else lambda test: test)
@given(sequence=SEQUENCES, watch=WATCHES)
async def test_random_sequences_are_answered_alike(
    both: list[Api], sequence: tuple[Kind, list[Request]], watch: tuple[Object, str]
) -> None:
    namespace = f"random-{uuid.uuid4().hex[:8]}"
    kind, requests = sequence
    for api in both:
        await api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        await api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
    embedded, real = await asyncio.gather(*(answers(api, namespace, kind, requests, watch) for api in both))
    for index, request in enumerate(requests):
        assert differences(embedded[0][index], real[0][index]) == [], f"{index}: {request(Seen())}"
    assert differences(embedded[1], real[1]) == [], [request(Seen()) for request in requests]
