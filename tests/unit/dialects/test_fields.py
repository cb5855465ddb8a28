"""Which fields of a child are the controller's."""

from controller.dialects.kinds import Fields


def test_a_field_that_the_model_may_set_is_ours_where_it_does() -> None:
    """Otherwise it belongs to the writer that set it."""
    fields = Fields((("a",),), if_desired=(("b", "c"), ("d",)))
    live = {"a": 1, "b": {"c": 2, "x": 3}, "d": 4}
    assert fields.wanted_by({"a": 1}).of(live) == {"a": 1}
    assert fields.wanted_by({"b": {"c": 5}}).of(live) == {"a": 1, "b": {"c": 2}}
    assert fields.wanted_by({"b": {}, "d": None}).of(live) == {"a": 1, "d": 4}
