"""The form of the entries of a kubeconfig. A value of another type is refused, as kubectl refuses it.

Why it matters: ``insecure-skip-tls-verify: "false"`` is a true value to Python, and ``as-groups: admins`` a list of letters.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.client.settings import ConfigError

Text = str | int | None
"""A number counts as a text: YAML reads ``namespace: 123`` as one."""


class _Entry(msgspec.Struct, rename=lambda name: name.replace("_", "-")):
    """Fields that are not named here may have any form."""


class _Cluster(_Entry):
    server: Text = None
    certificate_authority: Text = None
    certificate_authority_data: Text = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: Text = None
    proxy_url: Text = None
    extensions: list[dict[str, Any]] | None = None


class _Context(_Entry):
    cluster: Text = None
    user: Text = None
    namespace: Text = None


class _Variable(msgspec.Struct):
    name: str
    value: Text = None


class _Exec(msgspec.Struct):
    command: Text = None
    args: list[Text] | None = None
    env: list[_Variable] | None = None
    apiVersion: Text = None  # noqa: N815 - the API's own name
    installHint: Text = None  # noqa: N815
    interactiveMode: Text = None  # noqa: N815
    provideClusterInfo: bool | None = None  # noqa: N815


class _AuthProvider(msgspec.Struct):
    name: Text = None
    config: dict[str, Text] | None = None


class _User(_Entry):
    token: Text = None
    username: Text = None
    password: Text = None
    client_certificate: Text = None
    client_certificate_data: Text = None
    client_key: Text = None
    client_key_data: Text = None
    as_uid: Text = None
    as_groups: list[Text] | None = None
    as_user_extra: dict[str, list[Text] | None] | None = None
    exec: _Exec | None = None
    auth_provider: _AuthProvider | None = None
    as_: Text = msgspec.field(name="as", default=None)
    token_file: Text = msgspec.field(name="tokenFile", default=None)


_FORMS = {"clusters": _Cluster, "contexts": _Context, "users": _User}


def check_form(kind: str, name: str, entry: Mapping[str, Any]) -> None:
    """``kind`` is the name of the list that the entry stands in. Raises ConfigError with the place of a value that has the wrong type."""
    try:
        msgspec.convert(entry, _FORMS[kind])
    except msgspec.ValidationError as error:
        problem, _, where = str(error).replace("`", "").partition(" - at ")
        place = f" in {where.removeprefix('$.')}" if where.startswith("$.") else ""
        raise ConfigError(f"{kind[:-1]} {name!r}: {problem[:1].lower()}{problem[1:]}{place}") from None
