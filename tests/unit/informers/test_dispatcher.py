"""Changes on their way to handlers."""

from controller.informers.compact import Packed
from controller.informers.delta import Delta, DeltaType
from controller.informers.dispatcher import Dispatcher, Registration
from controller.meta import Object, Resource, jsonio

THINGS = Resource("example.com", "v1", "things", "Thing")


class Counting(Packed):
    """Counts how often it is decoded."""

    __slots__ = ("opened",)

    def __init__(self) -> None:
        text = jsonio.dumps({"metadata": {"name": "a", "namespace": "n"}})
        super().__init__(text, text)
        self.opened = 0

    def open(self) -> Object:
        self.opened += 1
        return super().open()


class Informer:
    """An informer that has synced."""

    has_synced = True


async def test_a_list_of_changes_holds_no_decoded_objects() -> None:
    """Each is decoded once for all handlers and then forgotten: a first list of thousands would be in memory decoded otherwise."""
    seen: list[Object | None] = []
    dispatcher = Dispatcher(THINGS, lambda seconds: None)
    for _ in range(2):
        dispatcher.add(Registration(Informer(), lambda delta: seen.append(delta.new)), ())
    packed = [Counting() for _ in range(3)]
    deltas = [Delta(DeltaType.ADDED, None, each) for each in packed]
    await dispatcher.dispatch_all(deltas)
    assert len(seen) == 6
    assert [each.opened for each in packed] == [1, 1, 1]
    assert [delta.new for delta in deltas] == seen[::2]
    assert [each.opened for each in packed] == [2, 2, 2]
