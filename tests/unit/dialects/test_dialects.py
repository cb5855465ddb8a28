"""What holds for every dialect."""

from controller.cli.options import DIALECT_NAMES
from controller.dialects import DIALECTS, Role


def test_the_command_line_offers_every_dialect() -> None:
    """In their order, the oldest first."""
    assert tuple(DIALECTS) == DIALECT_NAMES


def test_every_kind_of_child_is_spelt_and_planned() -> None:
    """A kind that is printed has a row, and every row is printed; no two rows share a kind."""
    for dialect in DIALECTS.values():
        kinds = [kind.resource for kind in dialect.kinds]
        assert sorted(kinds, key=str) == sorted(dialect.children, key=str)
        assert len({resource.kind for resource in kinds}) == len(kinds)
        assert {Role.SERVER, Role.WORKLOAD, Role.SCALER, Role.ROUTE} <= {kind.role for kind in dialect.kinds}


def test_no_two_dialects_manage_the_same_objects() -> None:
    """They share kinds, so the labels tell whose an object is."""
    managers = [(dialect.keys.managed_by, dialect.manager) for dialect in DIALECTS.values()]
    assert len(set(managers)) == len(managers)
