"""What others put into an object that has to be recreated."""

from hypothesis import given
from hypothesis import strategies as st

from controller.dialects import E4FB6663, ChildKey
from controller.reconcilers.carry_over import annotation_value, foreign_parts, saved_for, with_carried

ROUTE = ChildKey("ModelRoute", "chat")
DESIRED = {
    "kind": "ModelRoute",
    "metadata": {"name": "chat", "labels": {"ours": "1"}},
    "spec": {"modelName": "talk", "rules": []},
}


def test_fields_labels_and_annotations_of_others_are_carried() -> None:
    """Ours are not: the new object has its own."""
    live = {
        "metadata": {"labels": {"ours": "0", "team": "x"}, "annotations": {"note": "y"}, "uid": "u"},
        "spec": {"modelName": "chat", "rules": [1], "loraAdapters": ["old"], "rateLimit": {"unit": "minute"}},
    }
    carried = foreign_parts(live, DESIRED, E4FB6663)
    assert carried == {
        "metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}},
        "spec": {"rateLimit": {"unit": "minute"}},
    }
    assert with_carried(DESIRED, carried)["spec"] == {"modelName": "talk", "rules": [], "rateLimit": {"unit": "minute"}}
    assert with_carried(DESIRED, carried)["metadata"]["labels"] == {"ours": "1", "team": "x"}
    assert foreign_parts({"spec": {"modelName": "chat"}}, DESIRED, E4FB6663) == {}


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3))
def test_what_is_saved_is_read_back(labels: dict[str, str]) -> None:
    """Whatever is in it."""
    carried = {"metadata": {"labels": labels}}
    keeper = ChildKey("ModelServer", "chat-a")
    child = {"metadata": {"annotations": {E4FB6663.keys.carried_over: annotation_value(ROUTE, carried)}}}
    assert saved_for(ROUTE, {keeper: child}, E4FB6663) == (keeper, carried)
    assert saved_for(ChildKey("ModelRoute", "other"), {keeper: child}, E4FB6663) is None


def test_an_unreadable_annotation_is_ignored() -> None:
    """Somebody edited it."""
    for text in ("", "{", "3", '{"kind": "ModelRoute", "name": "chat", "carried": 3}'):
        child = {"metadata": {"annotations": {E4FB6663.keys.carried_over: text}}}
        assert saved_for(ROUTE, {ChildKey("ModelServer", "chat-a"): child}, E4FB6663) is None
