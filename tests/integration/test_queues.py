"""The annotation that names Volcano's queue reaches the ModelServing, where its controller reads it."""

from controller import meta
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.fronts import BOOSTER
from controller.meta import Object
from tests.support.boosters import a_booster
from tests.support.factories import eventually, unborn
from tests.support.families import family_crds
from tests.support.running import controlling

QUEUE = "scheduling.volcano.sh/queue-name"


async def test_a_queue_reaches_the_workload_and_leaves_it_with_the_annotation() -> None:
    """The queue that a user put on the ModelServing stays."""
    async with (
        Environment("embedded", crds=family_crds(V1)) as environment,
        environment.client() as client,
        controlling(environment, "default", families=(V1.name,)),
    ):
        await client.create(BOOSTER.resource, unborn(a_booster("chat"), "default"))
        await eventually(lambda: has_replicas(client, 1))
        for queue in ("research", None):
            annotated = {"metadata": {"annotations": {QUEUE: queue}}}
            await client.patch(BOOSTER.resource, "chat", annotated, namespace="default")
            await eventually(lambda queue=queue: is_in_queue(client, queue))
        await client.patch(V1.workload, "chat-main", {"metadata": {"annotations": {QUEUE: "own"}}}, namespace="default")
        await client.patch(BOOSTER.resource, "chat", {"spec": {"backend": {"replicas": 2}}}, namespace="default")
        await eventually(lambda: has_replicas(client, 2))
        assert await is_in_queue(client, "own")


async def workload(client: Client) -> Object:
    found = (await client.list(V1.workload, "default")).items
    return found[0] if found else {}


async def is_in_queue(client: Client, queue: str | None) -> bool:
    return meta.annotations_of(await workload(client)).get(QUEUE) == queue


async def has_replicas(client: Client, number: int) -> bool:
    return meta.spec_of(await workload(client)).get("replicas") == number
