"""LoRA adapters of running engines, on both control planes: pods are API objects, their engines real HTTP servers on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from controller import meta
from controller.api.annotations import PAUSED
from controller.api.kinds import MODEL, POD
from controller.api.storage import download_dir
from controller.client import Client
from controller.dialects import Dialect
from controller.envtest import Environment
from controller.lora.access import SECRET
from controller.meta import Object, Resource
from tests.support.engines import FakeEngine, answer_500, hang, serving
from tests.support.factories import a_backend, a_model, conditions, eventually, unborn
from tests.support.rights import ACCOUNT
from tests.support.running import controlling

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}
LEGAL = {"name": "legal", "artifactURL": "hf://acme/legal"}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Fleet:
    """A Model with one hot backend, and engines for its pods."""

    def __init__(self, client: Client, namespace: str, dialect: Dialect, stack: contextlib.AsyncExitStack) -> None:
        self.client = client
        self.namespace = namespace
        self.dialect = dialect
        self.engine_port, self.runtime_port = free_ports(2)
        self._stack = stack
        self.engines: dict[str, FakeEngine] = {}
        self.env: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.type = "vLLM"

    def backend(self, *adapters: dict[str, str]) -> dict[str, Any]:
        """The hot backend with these adapters, the fleet's further variables, and what else its type needs."""
        env = [
            {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "True"},
            {"name": "RUNTIME_PORT", "value": str(self.runtime_port)},
            *self.env,
        ]
        config = {"port": self.engine_port, **self.config}
        worker = {"type": "server", "image": "vllm:1", "config": config}
        return a_backend(type=self.type, env=env, workers=[worker], loraAdapters=list(adapters) or None)

    async def create(self, *adapters: dict[str, str]) -> Object:
        """The Model, once its workload and its route are there."""
        await self.client.create(MODEL, unborn(a_model("chat", self.backend(*adapters)), self.namespace))
        await eventually(self.route_adapters)
        return await eventually(self.infer)

    async def infer(self) -> Object | None:
        """The live workload; the route does not wait for it."""
        found = (await self.client.list(self.dialect.workload, self.namespace)).items
        return found[0] if found else None

    async def want(self, *adapters: dict[str, str]) -> None:
        """Other adapters from now on."""
        patch = {"spec": {"backends": [self.backend(*adapters)]}}
        await self.client.patch(MODEL, "chat", patch, namespace=self.namespace)

    async def route_adapters(self) -> list[str] | None:
        """What the live route names; None without a route."""
        routes = (await self.client.list(self.dialect.route, self.namespace)).items
        return [*meta.spec_of(routes[0]).get("loraAdapters", ())] or ["-"] if routes else None

    async def pod(self, address: str, owner: Object, *, ready: bool = True, name: str = "", **keys: str) -> FakeEngine:
        """A pod at this address with an engine behind it, which asks for these keys."""
        engine = await self._stack.enter_async_context(serving(address, self.engine_port, self.runtime_port))
        engine.key, engine.admin_key = keys.get("key"), keys.get("admin_key") or keys.get("key")
        name = name or f"chat-main-{address.rpartition('.')[2]}"
        self.engines[name] = engine
        labels = {
            self.dialect.pod_keys.name: "chat-main",
            self.dialect.pod_keys.entry: "true",
            self.dialect.keys.model_name: "chat",
        }
        reference = meta.controller_reference(owner, self.dialect.workload)
        metadata = {"name": name, "namespace": self.namespace, "labels": labels, "ownerReferences": [reference]}
        spec = {"containers": [{"name": "engine", "image": "vllm:1"}]}
        await self.client.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        if ready:
            await self.status(name, address)
        return engine

    async def status(self, name: str, address: str, *, restarts: int = 0) -> None:
        """What the kubelet would report of a ready pod."""
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        container = {"name": "engine", "image": "vllm:1", "imageID": "", "ready": True, "restartCount": restarts}
        status = {"phase": "Running", "podIP": address, "conditions": [ready], "containerStatuses": [container]}
        await self.client.patch(POD, name, {"status": status}, namespace=self.namespace, subresource="status")


@contextlib.asynccontextmanager
async def a_fleet(client: Client, namespace: str, dialect: Dialect) -> AsyncIterator[Fleet]:
    """Ends its engines."""
    async with contextlib.AsyncExitStack() as stack:
        yield Fleet(client, namespace, dialect, stack)


def directory(adapter: dict[str, str]) -> str:
    version = adapter.get("artifactVersion")
    return download_dir("/cache", adapter["artifactURL"] + (f"\nversion={version}" if version else ""))


async def holds(engine: FakeEngine, *adapters: dict[str, str]) -> None:
    async def check() -> bool:
        return engine.loaded == {adapter["name"]: directory(adapter) for adapter in adapters}

    await eventually(check)


async def test_adapters_follow_the_model_without_a_restart(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Loaded when a pod gets ready; the route names a new one after it is loaded, and an engine forgets one after the route has."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engine = await fleet.pod("127.0.0.2", infer)
        await holds(engine, SQL)
        engine.gate.clear()
        await fleet.want(SQL, LEGAL)
        await eventually(lambda: _is(engine.calls[-1:], [("load", "legal")]))
        assert await fleet.route_adapters() == ["sql"]
        engine.gate.set()
        await holds(engine, SQL, LEGAL)
        await eventually(lambda: _equals(fleet.route_adapters(), ["legal", "sql"]))
        await fleet.want(LEGAL)
        await holds(engine, LEGAL)
        assert await fleet.route_adapters() == ["legal"]
        now = await client.get(dialect.workload, "chat-main", namespace)
        assert meta.uid_of(now) == meta.uid_of(infer)
        assert meta.spec_of(now)["template"] == meta.spec_of(infer)["template"]
        assert (await conditions(client, "chat", namespace))["Failed"] == ("False", "ModelHealthy")


async def test_a_restarted_engine_gets_its_adapters_again_and_a_foreign_one_is_left(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """What was loaded from elsewhere belongs to somebody else."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engine = await fleet.pod("127.0.0.2", infer)
        await holds(engine, SQL)
        engine.restart()
        engine.loaded["theirs"] = "/elsewhere/x"
        await fleet.status("chat-main-2", "127.0.0.2", restarts=1)
        await eventually(lambda: _is(engine.loaded, {"theirs": "/elsewhere/x", "sql": directory(SQL)}))


async def test_a_new_url_is_replaced_once_per_pod(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The engine refuses a name twice, so the old one goes first; it serves until the new content is in the pod."""
    moved = {**SQL, "artifactURL": "hf://acme/sql-2"}
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engines = [await fleet.pod(f"127.0.0.{number}", infer) for number in (2, 3)]
        for engine in engines:
            await holds(engine, SQL)
            engine.calls.clear()
        await fleet.want(moved)
        for engine in engines:
            await holds(engine, moved)
            assert engine.calls == [("download", directory(moved)), ("unload", "sql"), ("load", "sql")]


async def test_changed_content_of_an_adapter_is_fetched_on_demand(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Another version at the same URL; the old one serves as long as the new one cannot be fetched."""
    renewed = {**SQL, "artifactVersion": "2"}
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        engine = await fleet.pod("127.0.0.2", await fleet.create(SQL))
        await holds(engine, SQL)
        engine.calls.clear()
        engine.faults["download"] = answer_500
        await fleet.want(renewed)

        async def failed() -> bool:
            return (await conditions(client, "chat", namespace))["Failed"] == ("True", "LoraSyncFailed")

        await eventually(failed)
        assert engine.loaded == {"sql": directory(SQL)}
        assert {call for call, _ in engine.calls} == {"download"}
        engine.faults.clear()
        await holds(engine, renewed)
        assert engine.calls[-2:] == [("unload", "sql"), ("load", "sql")]


@pytest.mark.parametrize("detour", [[{**SQL, "artifactURL": "hf://acme/sql-2"}], [SQL, LEGAL]], ids=["url", "adapter"])
async def test_a_load_that_nobody_wants_any_more_is_not_waited_for(
    environment: Environment, client: Client, dialect: Dialect, namespace: str, detour: list[dict[str, str]]
) -> None:
    """There and back again while the detour is being loaded: the engine ends as it was, also when that load succeeds in the end."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engine = await fleet.pod("127.0.0.2", infer)
        await holds(engine, SQL)
        finish, finished = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            engine.faults.clear()
            await finish.wait()
            body = await request.json()
            engine.loaded.setdefault(body["lora_name"], body["output_dir"])
            finished.set()
            return web.json_response({})

        engine.calls.clear()
        engine.faults["load"] = slow
        await fleet.want(*detour)
        await eventually(lambda: _is(engine.calls[-1:], [("load", detour[-1]["name"])]))
        await fleet.want(SQL)
        await holds(engine, SQL)
        finish.set()
        await finished.wait()
        await holds(engine, SQL)
        await eventually(lambda: _equals(fleet.route_adapters(), ["sql"]))


async def test_pausing_ends_the_calls_under_way(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The load in flight is not waited for, the next one not begun; all goes on when the pause is over."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create()
        engine = await fleet.pod("127.0.0.2", infer)
        engine.gate.clear()
        await fleet.want(SQL, LEGAL)
        await eventually(lambda: _is(engine.calls, [("load", "sql")]))
        await client.patch(MODEL, "chat", {"metadata": {"annotations": {PAUSED: "true"}}}, namespace=namespace)

        async def paused() -> bool:
            active = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", namespace)), "Active")
            return "reconciliation is paused" in str(active)

        await eventually(paused)
        engine.gate.set()
        await holds(engine, SQL)
        assert engine.calls == [("load", "sql")]
        await client.patch(MODEL, "chat", {"metadata": {"annotations": {PAUSED: None}}}, namespace=namespace)
        await holds(engine, SQL, LEGAL)


async def test_one_bad_pod_is_told_and_hurts_no_other(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """One answers 500, one hangs, one works; the condition says which, and clears when the cause is gone."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create()
        good, broken, stuck = [await fleet.pod(f"127.0.0.{number}", infer) for number in (2, 3, 4)]
        broken.faults["load"] = answer_500
        stuck.faults["load"] = hang
        await fleet.want(SQL)
        await holds(good, SQL)

        async def told() -> str:
            model = await client.get(MODEL, "chat", namespace)
            failed = meta.find_condition(meta.conditions_of(model), "Failed") or {}
            return failed["message"] if failed.get("reason") == "LoraSyncFailed" else ""

        lines = [
            "adapter sql: loaded on 1/3 pods of chat-main",
            "pod chat-main-3: load sql: HTTP 500: cannot download s3://bucket",
        ]
        await eventually(lambda: _equals(told(), "\n".join(lines)))
        broken.faults.clear()
        await holds(broken, SQL)
        await eventually(lambda: _condition(client, namespace, "Failed", ("False", "ModelHealthy")))
        assert good.calls == [("load", "sql")]


async def test_the_words_of_a_sidecar_are_shown_without_secrets(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Not even the half of one that the shortening would leave."""
    words = f"{'x' * 170} cannot get https://me:hunter22@host/x?X-Amz-Signature=0a1b2c"

    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"detail": words}, status=500)

    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engine = await fleet.pod("127.0.0.2", infer, ready=False)
        engine.faults["load"] = refuse
        await fleet.status("chat-main-2", "127.0.0.2")
        await eventually(lambda: _condition(client, namespace, "Failed", ("True", "LoraSyncFailed")))
        model = await client.get(MODEL, "chat", namespace)
        failed = meta.find_condition(meta.conditions_of(model), "Failed") or {}
        assert "cannot get https://" in failed["message"]
        assert "hunter" not in str(model)


async def test_a_pod_that_fails_again_is_tried_again(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The second failure says nothing new, and yet the third attempt comes after the back-off."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        engine = await fleet.pod("127.0.0.2", infer, ready=False)

        async def two_failures(request: Any) -> Any:
            if len(engine.calls) == 2:
                engine.faults.clear()
            return await answer_500(request)

        engine.faults["load"] = two_failures
        await fleet.status("chat-main-2", "127.0.0.2")
        await holds(engine, SQL)
        assert engine.calls == [("load", "sql")] * 3
        await eventually(lambda: _condition(client, namespace, "Failed", ("False", "ModelHealthy")))


async def test_only_ready_pods_of_our_own_are_called(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Not the pod of another owner with the right labels, not one that is not ready, not a Ray worker."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        infer = await fleet.create(SQL)
        stranger: dict[str, Any] = {"metadata": {"name": "chat-main", "uid": "00000000-0000-0000-0000-000000000001"}}
        foreign = await fleet.pod("127.0.0.3", stranger, name="foreign") if environment.plane == "embedded" else None
        waiting = await fleet.pod("127.0.0.4", infer, ready=False)
        engine = await fleet.pod("127.0.0.2", infer)
        await holds(engine, SQL)
        assert waiting.calls == []
        assert foreign is None or foreign.calls == []


async def test_a_new_process_asks_and_changes_nothing(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """What pods have is asked of them; nothing is loaded twice, and the status is not touched."""
    async with a_fleet(client, namespace, dialect) as fleet:
        async with controlling(environment, namespace, dialect):
            infer = await fleet.create(SQL)
            engine = await fleet.pod("127.0.0.2", infer)
            await holds(engine, SQL)
            await eventually(lambda: _reports_loaded(client, namespace))
        before = await client.get(MODEL, "chat", namespace)
        engine.calls.clear()
        asked: list[str] = []
        original = engine.models

        async def models(request: Any) -> Any:
            asked.append(request.path)
            engine.faults.clear()
            return await original(request)

        engine.faults["list"] = models
        async with controlling(environment, namespace, dialect) as counting:
            await eventually(lambda: _is(asked, ["/v1/models"]))
        assert engine.calls == []
        assert counting.writes == []
        assert await client.get(MODEL, "chat", namespace) == before


async def test_a_key_out_of_a_secret_is_sent_once_the_controller_may_read_it(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """No right on Secrets is shipped: the condition names the one that is missing, and one Role for one Secret is enough."""
    secret = {"metadata": {"name": "engine"}, "stringData": {"token": "k-1"}}
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        await client.create(SECRET, secret, namespace=namespace)
        fleet.env = [{"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "engine", "key": "token"}}}]
        engine = await fleet.pod("127.0.0.2", await fleet.create(SQL), key="k-1")
        if environment.plane == "real":
            await eventually(lambda: _mentions(client, namespace, "the controller may not get Secret engine"))
            await grant_secret(client, namespace, "engine")
        await holds(engine, SQL)
        await eventually(lambda: _condition(client, namespace, "Failed", ("False", "ModelHealthy")))
        await fleet.want()
        await holds(engine)
        assert engine.calls == [("download", directory(SQL)), ("load", "sql"), ("unload", "sql")]
        assert "k-1" not in str(await client.get(MODEL, "chat", namespace))


async def test_a_wrong_key_is_an_error_of_the_pod(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Nothing is downloaded for an engine that does not even tell what it has."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        fleet.config = {"api-key": "wrong"}
        engine = await fleet.pod("127.0.0.2", await fleet.create(SQL), key="right")
        await eventually(lambda: _mentions(client, namespace, "HTTP 401: Unauthorized"))
        assert (engine.calls, engine.loaded) == ([], {})


async def test_adapters_of_sglang_are_moved_at_its_own_paths(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The sidecar downloads, the controller asks the engine, with the administrator's key for changes."""
    async with a_fleet(client, namespace, dialect) as fleet, controlling(environment, namespace, dialect):
        fleet.type = "SGLang"
        fleet.config = {"max-lora-rank": 16, "admin-api-key": "a-1"}
        engine = await fleet.pod("127.0.0.2", await fleet.create(SQL), admin_key="a-1")
        await holds(engine, SQL)
        await fleet.want(LEGAL)
        await holds(engine, LEGAL)
        assert [call for call in engine.calls if call[0] != "download"] == [
            ("load", "sql"),
            ("load", "legal"),
            ("unload", "sql"),
        ]
        await eventually(lambda: _condition(client, namespace, "Failed", ("False", "ModelHealthy")))


async def grant_secret(client: Client, namespace: str, name: str) -> None:
    """The right that the documentation names: ``get`` on this Secret."""
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}
    await client.create(ROLES, {"metadata": {"name": "engine-key"}, "rules": [rule]}, namespace=namespace)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "engine-key"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ACCOUNT}
    binding = {"metadata": {"name": "engine-key"}, "roleRef": reference, "subjects": [subject]}
    await client.create(BINDINGS, binding, namespace=namespace)


async def _mentions(client: Client, namespace: str, words: str) -> bool:
    failed = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", namespace)), "Failed") or {}
    return words in str(failed.get("message"))


async def _is(value: object, wanted: object) -> bool:
    return value == wanted


async def _equals(value: Any, wanted: object) -> bool:
    return bool(await value == wanted)


async def _condition(client: Client, namespace: str, type_: str, wanted: tuple[str, str]) -> bool:
    return (await conditions(client, "chat", namespace)).get(type_) == wanted


async def _reports_loaded(client: Client, namespace: str) -> bool:
    """Whether the status says that every pod has every adapter: after that, nothing is left to write."""
    backends = meta.status_of(await client.get(MODEL, "chat", namespace)).get("backendStatuses") or ()
    shares = [share for backend in backends for share in backend.get("adapters") or ()]
    return bool(shares) and all(share.get("loadedPods") == share["pods"] for share in shares)
