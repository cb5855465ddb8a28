"""The workloads by name, in the order in which they run."""

from hack.bench.workloads import change, churn, converge, failing, rest, scale

WORKLOADS = {
    workload.name: workload
    for workload in (
        converge.LIVE,
        converge.EXISTING,
        change.CHANGE,
        failing.FAILING,
        rest.RESTART,
        rest.IDLE,
        churn.CHURN,
        *scale.SCALE,
    )
}
"""By name."""

DEFAULT = ("live", "existing", "change", "failing", "restart")
"""Those that fit in ten minutes with three rounds."""

GROUPS = {"all": tuple(WORKLOADS), "scale": tuple(workload.name for workload in scale.SCALE)}
"""Names for several."""
