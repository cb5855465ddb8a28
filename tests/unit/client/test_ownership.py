"""Server-side apply: what is ours, and who is in the way."""

from controller.client import FieldConflict, conflicts_of, extract_owned
from controller.meta.errors import status_error

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "a",
        "namespace": "ns",
        "labels": {"app": "a", "foreign": "f"},
        "finalizers": ["x", "y"],
        "managedFields": [
            {"manager": "other", "operation": "Apply", "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {"manager": "me", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {
                "manager": "me",
                "operation": "Apply",
                "fieldsV1": {
                    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {'v:"x"': {}}},
                    "f:spec": {
                        "f:replicas": {},
                        "f:containers": {'k:{"name":"c"}': {".": {}, "f:name": {}, "f:image": {}}},
                    },
                },
            },
        ],
    },
    "spec": {
        "replicas": 2,
        "paused": True,
        "containers": [{"name": "c", "image": "i", "terminationMessagePath": "/dev"}, {"name": "d", "image": "j"}],
    },
}


def test_what_a_manager_applied_is_extracted() -> None:
    """Fields, items of keyed lists and of sets; nothing of others, nothing of other verbs."""
    assert extract_owned(DEPLOYMENT, "me") == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "ns", "labels": {"app": "a"}, "finalizers": ["x"]},
        "spec": {"replicas": 2, "containers": [{"name": "c", "image": "i"}]},
    }
    nothing = extract_owned(DEPLOYMENT, "me", subresource="status")
    assert nothing == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "ns"}}


def test_a_conflict_says_which_fields_and_whose_they_are() -> None:
    """From the causes of the refusal; another error has none."""
    body = {
        "kind": "Status",
        "reason": "Conflict",
        "details": {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "kubectl" using apps/v1',
                    "field": ".spec.replicas",
                },
            ]
        },
    }
    assert conflicts_of(status_error(409, body)) == (FieldConflict(".spec.replicas", "kubectl"),)
    assert conflicts_of(status_error(409, "")) == ()
