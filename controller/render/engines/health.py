"""Probes of an engine, and the script that lets it finish its requests before it is stopped."""

from typing import Any

GRACE_SECONDS = 300
"""Time that a pod has between the wish to stop it and its end."""
DRAIN_SECONDS = 240
"""The part of it that the drain may take."""
_STARTUP_PERIOD, _STARTUP_FAILURES = 5, 720
"""An engine has an hour to load its model, and is found ready within five seconds."""

_DRAIN = """\
deadline=$(( $(date +%s) + {seconds} ))
fails=0
while [ "$(date +%s)" -lt "$deadline" ]; do
  if m=$(curl -sf --max-time 2 http://localhost:{port}/metrics); then
    fails=0
    n=$(printf '%s\\n' "$m" | awk '/^{gauges}[{ ]/ {s+=$NF; seen=1} END {if (seen) print s+0}')
    [ -n "$n" ] || n=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "01" && $2 ~ /:{hex}$/ && $3 !~ /^({loopback}):/ {s++} END {print s+0}')
    [ "$n" = "0" ] && exit 0
  else
    fails=$((fails+1))
    [ "$fails" -ge 3 ] && exit 0
  fi
  sleep 5
done
exit 0
"""
_LOOPBACK = "0100007F|00000000000000000000000001000000|0000000000000000FFFF00000100007F"
"""127.0.0.1, ::1 and ::ffff:127.0.0.1 as /proc/net writes them: the sidecar's connections, which are not requests."""


def startup_probe(path: str, port: int, *, timeout: int = 1) -> dict[str, Any]:
    """Until it passes, no other probe counts: a model may take minutes to load, and one that is ready soon is found soon."""
    return {
        "httpGet": _get(path, port),
        "periodSeconds": _STARTUP_PERIOD,
        "timeoutSeconds": timeout,
        "failureThreshold": _STARTUP_FAILURES,
    }


def running_probe(path: str, port: int, *, timeout: int = 1) -> dict[str, Any]:
    """Whether an engine that started still answers."""
    return {"httpGet": _get(path, port), "periodSeconds": 5, "timeoutSeconds": timeout, "failureThreshold": 3}


def _get(path: str, port: int) -> dict[str, Any]:
    return {"path": path, "port": port, "scheme": "HTTP"}


def drain(port: int, gauges: str) -> dict[str, Any]:
    """The container's ``lifecycle``: wait until no request is running or waiting.

    ``gauges`` is a regular expression of awk for the names of the metrics that count them. An engine that publishes none of them is watched
    by the open connections of its port. One that does not answer has nothing to wait for.
    """
    script = _DRAIN.replace("{port}", str(port)).replace("{hex}", f"{port:04X}")
    script = script.replace("{gauges}", gauges).replace("{loopback}", _LOOPBACK)
    script = script.replace("{seconds}", str(DRAIN_SECONDS))
    return {"preStop": {"exec": {"command": ["/bin/sh", "-c", script]}}}
