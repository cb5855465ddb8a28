"""Credential plugins: the ``exec`` entry of a kubeconfig user (API group ``client.authentication.k8s.io``)."""

import asyncio
import base64
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.client.settings import ConfigError
from controller.meta import jsonio, parse_time

_SECONDS = 60.0
_PLUGIN_EXTENSION = "client.authentication.k8s.io/exec"
_GROUP = "client.authentication.k8s.io/"


@dataclass(frozen=True, slots=True)
class PluginCredential:
    """The credential that a plugin gave: a bearer token, a client certificate with its key in PEM, or both; ``expires_at`` in seconds since the epoch."""

    token: str = field(default="", repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    expires_at: float | None = None


class CredentialPlugin:
    """Runs the command of an ``exec`` entry.

    The command gets ``KUBERNETES_EXEC_INFO`` with the cluster if ``provideClusterInfo`` asks for it. It is ended after 60 s.
    """

    def __init__(self, entry: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
        self._entry = entry
        self._cluster = cluster
        self._version = str(entry.get("apiVersion") or "")
        self._command = str(entry.get("command") or "")

    async def run(self) -> PluginCredential:
        """A new credential. Raises ConfigError with one sentence in the plugin's own words."""
        if not self._command or not self._version.startswith(_GROUP):
            raise ConfigError(f"exec needs a command and an apiVersion of {_GROUP}")
        program = shutil.which(self._command)
        if program is None:
            hint = str(self._entry.get("installHint") or "").strip()
            raise self._error("the program was not found" + (f"; {' '.join(hint.split())}" if hint else ""))
        code, output, errors = await self._output(program)
        if code != 0:
            raise self._error(f"exit code {code}: {_last_line(errors) or _last_line(output) or 'no output'}")
        return self._credential(output)

    async def _output(self, program: str) -> tuple[int, bytes, bytes]:
        arguments = [str(argument) for argument in self._entry.get("args") or ()]
        interactive = sys.stdin is not None and sys.stdin.isatty() and self._entry.get("interactiveMode") != "Never"
        if self._entry.get("interactiveMode") == "Always" and not interactive:
            raise self._error("it needs a terminal, and there is none")
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                env=self._environment(interactive=interactive),
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise self._error(error.strerror or str(error)) from None
        try:
            async with asyncio.timeout(_SECONDS):
                output, errors = await process.communicate()
        except TimeoutError:
            raise self._error(f"no credential after {_SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return process.returncode or 0, output, errors

    def _environment(self, *, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._entry.get("provideClusterInfo"):
            spec["cluster"] = self._cluster_info()
        info = {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}
        given = {
            str(item.get("name")): str(item.get("value") or "")
            for item in self._entry.get("env") or ()
            if isinstance(item, Mapping)
        }
        return {**os.environ, **given, "KUBERNETES_EXEC_INFO": jsonio.dumps(info).decode()}

    def _cluster_info(self) -> dict[str, Any]:
        """The cluster as the plugin gets it: a CA file as its content, and the extension that is meant for plugins."""
        info = {key: value for key, value in self._cluster.items() if key in _CLUSTER_FIELDS}
        if (file := self._cluster.get("certificate-authority")) and not info.get("certificate-authority-data"):
            try:
                info["certificate-authority-data"] = base64.b64encode(Path(str(file)).read_bytes()).decode()
            except OSError as error:
                raise self._error(f"{file}: {error.strerror}") from None
        for extension in self._cluster.get("extensions") or ():
            if extension.get("name") == _PLUGIN_EXTENSION:
                info["config"] = extension.get("extension")
        return info

    def _credential(self, output: bytes) -> PluginCredential:
        try:
            answer = jsonio.loads(output)
        except ValueError:
            raise self._error("its output is not JSON") from None
        status = answer.get("status") if isinstance(answer, Mapping) else None
        if not isinstance(status, Mapping) or answer.get("kind") != "ExecCredential":
            raise self._error("its output is not an ExecCredential with a status")
        if answer.get("apiVersion") != self._version:
            raise self._error(f"it answers in {answer.get('apiVersion')!r}, not in {self._version!r}")
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        token = str(status.get("token") or "")
        if bool(certificate) != bool(key) or not (token or certificate):
            raise self._error("it gave neither a token nor a certificate with its key")
        return PluginCredential(
            token,
            str(certificate).encode() if certificate else None,
            str(key).encode() if key else None,
            self._expiry(status.get("expirationTimestamp")),
        )

    def _expiry(self, value: object) -> float | None:
        if not value:
            return None
        try:
            return parse_time(str(value)).timestamp()
        except ValueError:
            raise self._error(f"its expirationTimestamp {str(value)[:64]!r} is not a time") from None

    def _error(self, problem: str) -> ConfigError:
        return ConfigError(f"the credential plugin {self._command!r} failed: {problem}")


_CLUSTER_FIELDS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
    "disable-compression",
)


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
