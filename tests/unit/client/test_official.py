"""What the official client sends with the credentials of ours."""

import dataclasses

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import CoreV1Api

from controller.client import ConfigError, official_client, static_config


async def test_a_rotated_token_takes_effect() -> None:
    """The source is asked before each request; the credentials at hand stay when it fails."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": []})

    app = web.Application()
    app.router.add_get("/api/v1/namespaces/n/configmaps", answer)
    async with TestServer(app) as server:
        config = static_config(str(server.make_url("")), token="one")
        tokens = ["Bearer one", "Bearer two", None]

        async def load():
            if (token := tokens.pop(0)) is None:
                raise ConfigError("the token file is empty")
            return dataclasses.replace(config.settings, authorization=token)

        async with official_client(dataclasses.replace(config, load=load)) as api:
            for _ in range(3):
                await CoreV1Api(api).list_namespaced_config_map("n")
    assert seen == ["Bearer one", "Bearer two", "Bearer two"]


def test_several_impersonated_groups_are_refused() -> None:
    """Headers of the package have one value each."""
    config = static_config("https://127.0.0.1:1")
    groups = (("Impersonate-User", "ann"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    impersonating = dataclasses.replace(config, settings=dataclasses.replace(config.settings, impersonation=groups))
    with pytest.raises(ConfigError, match="several groups"):
        official_client(impersonating)
