"""Where credentials come from: kubeconfigs as kubectl reads them, plugins, OIDC, service accounts; never anonymity by accident."""

import base64
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controller.client import ConfigError, load_config
from controller.client.sources import KubeconfigSource, ServiceAccountSource

PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


def kubeconfig(user: Mapping[str, Any] | None, *, current: str = "c", **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1", **cluster}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}}],
        "users": [{"name": "u", "user": user}],
    }


def written(path: Path, document: Mapping[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return str(path)


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def prints(runs: Path, **status: Any) -> str:
    answer = {"apiVersion": PLUGIN["apiVersion"], "kind": "ExecCredential", "status": status}
    return f"echo run >> {runs}\ncat <<'END'\n{json.dumps(answer)}\nEND"


async def test_a_context_is_chosen_by_name_or_is_the_current_one(tmp_path: Path) -> None:
    """--context needs no current context; without either the error names the way out."""
    path = written(tmp_path / "config", kubeconfig({"token": "t"}, current=""))
    config = await load_config(path, "c")
    assert (config.settings.authorization, config.namespace, config.context) == ("Bearer t", "team", "c")
    with pytest.raises(ConfigError, match="current-context is not set: name a context with --context"):
        await load_config(path)
    with pytest.raises(ConfigError, match="there is no context 'gone'"):
        await load_config(written(tmp_path / "config", kubeconfig({"token": "t"}, current="gone")))


async def test_several_files_are_merged_as_kubectl_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first value wins, whatever the order of empty, missing and null parts; paths are relative to their own file."""
    (tmp_path / "a" / "token").parent.mkdir()
    (tmp_path / "a" / "token").write_text("from-file\n")
    good = written(tmp_path / "a" / "config", kubeconfig({"tokenFile": "token"}))
    nulls = {"clusters": None, "contexts": None, "users": None, "current-context": ""}
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.write_text("")
    null = written(tmp_path / "null", nulls)
    other = written(tmp_path / "other", kubeconfig({"token": "other"}))
    for order in ([null, str(empty), good, other], [good, null, str(missing), other], [str(empty), good]):
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join(order))
        assert (await load_config()).settings.authorization == "Bearer from-file"


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (kubeconfig({"token": "t"}) | {"users": []}, "refers to the missing user 'u'"),
        (kubeconfig({"token": "t"}) | {"clusters": []}, "refers to the missing cluster 'k'"),
        (kubeconfig({"tokenFile": "nowhere"}), "cannot be read: No such file or directory"),
        (kubeconfig({"auth-provider": {"name": "gcp"}}), "'gcp' was removed from Kubernetes"),
        (
            kubeconfig({"exec": {**PLUGIN, "command": "no-such-plugin", "installHint": "get\nit"}}),
            "was not found; get it",
        ),
        (kubeconfig({"as-groups": ["g"]}), "need a user to impersonate"),
        (kubeconfig({"token": "t"}, **{"proxy-url": "socks5://x:1"}), "a socks5 proxy is not supported"),
        (kubeconfig({"token": "t"}, **{"certificate-authority-data": "!"}), "is not base64"),
        (kubeconfig({"token": ""}), "the user's token alone proves no identity, or is empty"),
        (kubeconfig({"tokenFile": ""}), "the user's tokenFile alone proves no identity, or is empty"),
        (kubeconfig({"username": "", "password": ""}), "the user's username alone"),
        (kubeconfig({"client-certificate-data": "eA=="}), "a client-certificate without a client-key"),
        (kubeconfig({"client-key-data": "eA=="}), "client-key-data alone proves no identity"),
        (kubeconfig({"exec": "plugin"}), "user 'u': expected object | null, got str in exec"),
        (kubeconfig({"exec": {**PLUGIN, "command": "p", "args": "one"}}), "got str in exec.args"),
        (kubeconfig({"exec": {**PLUGIN, "command": "p", "env": {"A": "b"}}}), "got object in exec.env"),
        (kubeconfig({"auth-provider": "oidc"}), "got str in auth-provider"),
        (kubeconfig({"token": ["t"]}), "got array in token"),
        (kubeconfig({"token": "t", "as": "a", "as-groups": "admins"}), "got str in as-groups"),
        (kubeconfig({"token": "t", "as": "a", "as-user-extra": {"k": "v"}}), "got str in as-user-extra[...]"),
        (
            kubeconfig({"token": "t"}, **{"insecure-skip-tls-verify": "false"}),
            "cluster 'k': expected bool | null, got str in insecure-skip-tls-verify",
        ),
    ],
)
async def test_what_is_configured_and_yields_nothing_is_an_error(
    tmp_path: Path, document: dict[str, Any], sentence: str
) -> None:
    """One sentence; no request is ever sent anonymously instead."""
    with pytest.raises(ConfigError) as caught:
        await load_config(written(tmp_path / "config", document))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("echo 'sts: rate exceeded' >&2; exit 3", "exit code 3: sts: rate exceeded"),
        ("echo WARNING", "its output is not JSON"),
        ("echo '{}'", "not an ExecCredential"),
        (prints(Path("/dev/null")), "neither a token nor a certificate"),
        (prints(Path("/dev/null"), token="t", expirationTimestamp="soon"), "'soon' is not a time"),
    ],
)
async def test_a_failing_plugin_is_an_error_in_its_own_words(tmp_path: Path, body: str, sentence: str) -> None:
    """Whatever it does instead of giving a credential."""
    command = script(tmp_path / "plugin.sh", body)
    with pytest.raises(ConfigError, match=sentence):
        await load_config(written(tmp_path / "config", kubeconfig({"exec": {**PLUGIN, "command": str(command)}})))


async def test_a_plugin_is_found_beside_its_kubeconfig_and_runs_only_when_needed(tmp_path: Path) -> None:
    """A credential that is good for long is kept; one the server refused, or that expires soon, is fetched again."""
    runs = tmp_path / "runs"
    script(tmp_path / "bin" / "plugin.sh", prints(runs, token="good", expirationTimestamp="2099-01-01T00:00:00Z"))
    path = written(tmp_path / "config", kubeconfig({"exec": {**PLUGIN, "command": "./bin/plugin.sh"}}))
    config = await load_config(path)
    for _ in range(3):
        assert (await config.load()).authorization == "Bearer good"
    assert len(runs.read_text().split()) == 1
    config.reject()
    await config.load()
    assert len(runs.read_text().split()) == 2
    script(tmp_path / "bin" / "plugin.sh", prints(runs, token="short", expirationTimestamp="2020-01-01T00:00:00Z"))
    config.reject()
    await config.load()
    await config.load()
    assert len(runs.read_text().split()) == 4


async def test_a_plugin_gets_the_cluster_it_asked_for(tmp_path: Path) -> None:
    """The CA as data also where the kubeconfig has a file, and the extension for plugins; the plugin's variables are its own."""
    (tmp_path / "ca.crt").write_bytes(b"a CA")
    command = script(
        tmp_path / "plugin.sh", f'echo "$KUBERNETES_EXEC_INFO" > "$INFO"\n{prints(tmp_path / "runs", token="t")}'
    )
    execute = {
        **PLUGIN,
        "command": str(command),
        "provideClusterInfo": True,
        "env": [{"name": "INFO", "value": str(tmp_path / "info")}],
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster: dict[str, Any] = {"certificate-authority": "ca.crt", "extensions": [{"name": "other"}, extension]}
    await load_config(written(tmp_path / "config", kubeconfig({"exec": execute}, **cluster)))
    info = json.loads((tmp_path / "info").read_text())
    assert info["apiVersion"] == PLUGIN["apiVersion"]
    assert info["spec"]["cluster"] == {
        "server": "http://127.0.0.1:1",
        "certificate-authority-data": "YSBDQQ==",
        "config": {"audience": "x"},
    }


async def test_plain_texts_reach_a_plugin_as_they_stand(tmp_path: Path) -> None:
    """YAML 1.1 knows dates, numbers to the base of 60 and octal ones; numbers in a plugin's own extension stay numbers."""
    command = script(
        tmp_path / "plugin.sh",
        f'echo "$@ $DAY" > {tmp_path / "given"}\necho "$KUBERNETES_EXEC_INFO" > {tmp_path / "info"}\n{prints(tmp_path / "runs", token="t")}',
    )
    document = json.dumps(kubeconfig({"exec": {**PLUGIN, "command": str(command), "provideClusterInfo": True}}))
    plain = "args: [2020-04-01, 12:30, =, 0123, 7], env: [{name: DAY, value: 2020-04-02}], command:"
    extension = (
        "extensions: [{name: client.authentication.k8s.io/exec, extension: {port: 80, day: 2020-04-03}}], server:"
    )
    path = tmp_path / "config"
    path.write_text(document.replace('"command":', plain).replace('"server":', extension))
    await load_config(str(path))
    assert (tmp_path / "given").read_text() == "2020-04-01 12:30 = 0123 7 2020-04-02\n"
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"]["cluster"]["config"] == {"port": 80, "day": "2020-04-03"}


async def test_impersonation_is_sent(tmp_path: Path) -> None:
    """User, uid, every group and every extra value as headers of their own."""
    user = {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"x/y": ["1", "2"]}}
    settings = (await load_config(written(tmp_path / "config", kubeconfig(user)))).settings
    assert settings.impersonation == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-x%2Fy", "1"),
        ("Impersonate-Extra-x%2Fy", "2"),
    )


async def test_a_changed_kubeconfig_takes_effect(tmp_path: Path) -> None:
    """At the next look; one that became unusable is an error of that look."""
    path = tmp_path / "config"
    config = await load_config(written(path, kubeconfig({"token": "old"})))
    written(path, kubeconfig({"token": "renewed"}))
    assert (await config.load()).authorization == "Bearer renewed"
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="line "):
        await config.load()


def token(expires: float) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'exp': expires})}.x"


@asynccontextmanager
async def provider(answer: Callable[[str], web.Response]) -> AsyncIterator[str]:
    """An OIDC provider whose token endpoint answers by the refresh token it is given."""
    app = web.Application()
    runner = web.AppRunner(app)

    async def discovery(request: web.Request) -> web.Response:
        return web.json_response({"token_endpoint": f"http://{request.host}/token"})

    async def tokens(request: web.Request) -> web.Response:
        return answer(str((await request.post())["refresh_token"]))

    app.router.add_get("/.well-known/openid-configuration", discovery)
    app.router.add_post("/token", tokens)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_rotated_refresh_token_replaces_the_one_in_the_file(tmp_path: Path) -> None:
    """A provider takes each refresh token once: the second renewal sends the token that the first one brought."""
    used: list[str] = []

    def answer(refresh: str) -> web.Response:
        used.append(refresh)
        if refresh != f"r{len(used) - 1}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": token(time.time() + 3600), "refresh_token": f"r{len(used)}"})

    async with provider(answer) as issuer:
        oidc = {"idp-issuer-url": issuer, "client-id": "x", "id-token": token(1), "refresh-token": "r0"}
        user = {"auth-provider": {"name": "oidc", "config": oidc}}
        config = await load_config(written(tmp_path / "config", kubeconfig(user)))
        await config.load()
        assert used == ["r0"]
        config.reject()
        await config.load()
        assert used == ["r0", "r1"]
        another = await load_config(str(tmp_path / "config"))
        another.reject()
        await another.load()
        assert used == ["r0", "r1", "r2"]
        assert config.settings.authorization.startswith("Bearer ")


async def test_a_provider_that_refuses_is_an_error_in_its_own_words(tmp_path: Path) -> None:
    """With its error, without the tokens."""
    refused = web.json_response({"error": "invalid_grant", "error_description": "session ended"}, status=400)
    async with provider(lambda _: refused) as issuer:
        oidc = {"idp-issuer-url": issuer, "client-id": "x", "id-token": token(1), "refresh-token": "s3cr3t"}
        with pytest.raises(ConfigError, match="answered 400: session ended") as caught:
            await load_config(
                written(tmp_path / "config", kubeconfig({"auth-provider": {"name": "oidc", "config": oidc}}))
            )
    assert "s3cr3t" not in str(caught.value)


async def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    """Address, token and CA; the proxy variables count here too. A missing or empty token is an error."""
    (tmp_path / "token").write_text("pod\n")
    (tmp_path / "ca.crt").write_text("ca")
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HTTPS_PROXY": "p:1"}
    settings = await ServiceAccountSource(tmp_path, environment).load()
    assert (settings.host, settings.authorization) == ("https://[fd00::1]:443", "Bearer pod")
    assert settings.proxy == "http://p:1"
    direct = await ServiceAccountSource(tmp_path, environment | {"NO_PROXY": "fd00::/8"}).load()
    assert direct.proxy is None
    (tmp_path / "token").write_text("")
    with pytest.raises(ConfigError, match="its token file is empty"):
        await ServiceAccountSource(tmp_path, environment).load()


async def test_no_secret_shows_in_the_representation(tmp_path: Path) -> None:
    """Tokens, keys and proxies with passwords stay out of logs and tracebacks."""
    user = {"token": "s3cr3t-token", "client-key-data": base64.b64encode(b"s3cr3t-key").decode()}
    path = Path(written(tmp_path / "config", kubeconfig(user, **{"proxy-url": "http://u:s3cr3t@p:1"})))
    settings = await KubeconfigSource([path], str(path), None).load()
    assert "s3cr3t" not in repr(settings)
