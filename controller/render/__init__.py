"""From one Model to its children: pure, total and deterministic.

``render`` is the only way in. The same Model and options always give the same children; nothing is read from the cluster, and what a
running child must keep (replicas of a scaled workload, a template that the Model did not ask to replace) is decided where desired and live are
compared, not here.
"""

from collections.abc import Sequence
from typing import Any

from controller.api.model import Model
from controller.render.autoscaling import autoscalings
from controller.render.engines import ENGINES, backend_facts
from controller.render.facts import BackendFacts
from controller.render.names import child, child_name, template_inputs
from controller.render.pods import RenderOptions as RenderOptions
from controller.render.routing import route_spec, server_spec


def render(
    model: Model, options: RenderOptions, backends: Sequence[BackendFacts] | None = None
) -> tuple[dict[str, Any], ...]:
    """The children of a valid Model in the dialect of the options, complete objects. ``backends`` are the facts of its backends, if they are known.

    Their order is that of ``Dialect.children``: servers, workloads, what expresses autoscaling, the route.
    """
    dialect = options.dialect
    if backends is None:
        backends = [backend_facts(model, backend) for backend in model.spec.backends]
    servers = [
        child(
            model,
            dialect,
            dialect.server,
            child_name(model, facts.backend),
            facts.backend.name,
            server_spec(facts, dialect),
        )
        for facts in backends
    ]
    scaling = autoscalings(model, backends)
    scalers = [
        child(model, dialect, resource, each.name, each.backend, spec(each))
        for resource, spec in dialect.scaling.items()
        for each in scaling
    ]
    route = child(model, dialect, dialect.route, model.name, "", route_spec(model))
    return (*servers, *(_workload(facts, options) for facts in backends), *scalers, route)


def _workload(facts: BackendFacts, options: RenderOptions) -> dict[str, Any]:
    model, backend, dialect = facts.model, facts.backend, options.dialect
    spec = dialect.workload_spec(ENGINES[backend.type].workload(facts, options))
    given, kind = model.annotations, dialect.kind(dialect.workload.kind)
    annotations = {dialect.keys.template_inputs: template_inputs(facts, dialect)}
    annotations |= {key: given[key] for key in kind.passed_on if key in given}
    return child(model, dialect, dialect.workload, child_name(model, backend), backend.name, spec, annotations)
