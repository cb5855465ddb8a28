"""``python -m hack.bench.cache_memory``: memory of a cache at its peak, the first list, decoded and compact.

Each row is a process of its own: lists of 500 objects come in as the client splits them, and are committed as an informer does. RSS is the highest that the
operating system has seen, so what a list needs on its way into the cache counts.
"""

import gc
import json
import resource
import subprocess
import sys

from controller.client.wire import split_list
from controller.informers.store import Indexer

PAGE = 500
SIZES = (2_000, 20_000)


def page(start: int, end: int) -> bytes:
    """The body of a list: objects of about 11 KB, whose texts differ."""
    items = [
        {
            "metadata": {"name": f"m{i}", "namespace": f"ns{i % 50}", "uid": str(i), "resourceVersion": str(i + 1)},
            "spec": {"env": [{"name": f"VARIABLE_{k}", "value": f"value-{i}-{k}" + "x" * 60} for k in range(100)]},
        }
        for i in range(start, end)
    ]
    return json.dumps({"metadata": {"resourceVersion": str(end)}, "items": items}).encode()


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(count: int, *, compact: bool) -> None:
    """Prints the peak before and after the first list, in MB, and the difference for each object in KiB."""
    page(0, PAGE)
    gc.collect()
    before, store = peak_kib(), Indexer(compact=compact)
    replacement = store.begin_replace()
    for start in range(0, count, PAGE):
        for item in split_list(page(start, start + PAGE), "v1", "Thing").items():
            replacement.add(item)
    store.commit(replacement, str(count), initial=True)
    after = peak_kib()
    kind = "compact" if compact else "decoded"
    print(
        f"{count:6} objects, {kind}: {before >> 10} MB, at the peak {after >> 10} MB, {(after - before) / count:.1f} KiB an object"
    )


def main() -> None:
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]), compact=sys.argv[2] == "compact")
        return
    for count in SIZES:
        for kind in ("decoded", "compact"):
            subprocess.run([sys.executable, "-m", "hack.bench.cache_memory", str(count), kind], check=True)


if __name__ == "__main__":
    main()
