"""Ages and cells as kubectl shows them."""

from typing import Any

import pytest

from controller.envtest.embedded.builtin.cells import human_duration
from controller.envtest.embedded.crds import types_of
from controller.envtest.embedded.tables import table

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE + 30, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 5 * MINUTE, "7h5m"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (7 * DAY + 3 * HOUR, "7d3h"),
        (8 * DAY + 3 * HOUR, "8d"),
        (729 * DAY, "729d"),
        (2 * 365 * DAY + DAY, "2y1d"),
        (9 * 365 * DAY, "9y"),
    ],
)
def test_durations_are_written_as_kubernetes_writes_them(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("path", "cell"),
    [
        (".spec.size", 3),
        (".status.conditions[?(@.type=='Ready')].status", "True"),
        ('.status.conditions[?(@.type=="Absent")].status', None),
        (".spec.hosts[1]", "b"),
        (".spec.hosts[7]", None),
        (".spec.hosts", None),
        (".nothing.at.all", None),
    ],
)
def test_a_cell_is_the_first_value_of_its_path(path: str, cell: Any) -> None:
    obj = {
        "metadata": {"name": "one"},
        "spec": {"size": 3, "hosts": ["a", "b"]},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    version = {
        "name": "v1",
        "schema": {"openAPIV3Schema": {"type": "object"}},
        "additionalPrinterColumns": [{"name": "Cell", "type": "string", "jsonPath": path}],
    }
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    (info,) = types_of({"spec": spec})
    assert table(info, [obj], {}, 0.0)["rows"][0]["cells"] == ["one", cell]
