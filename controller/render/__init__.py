"""From one Model to its children: pure, total and deterministic.

``render`` is the only way in. The same Model and options always give the same children; nothing is read from the cluster, and what a
running child must keep (replicas of a scaled ModelInfer, a template that nobody asked to replace) is decided where desired and live are
compared, not here.
"""

from typing import Any

from controller.api.kinds import MODEL_INFER, MODEL_ROUTE, MODEL_SERVER
from controller.api.model import Model
from controller.render.autoscaling import bindings, policies
from controller.render.engines import ENGINES
from controller.render.names import TEMPLATE_INPUTS, child, child_name, template_inputs
from controller.render.pods import RenderOptions
from controller.render.routing import route_spec, server_spec

__all__ = ("RenderOptions", "render")


def render(model: Model, options: RenderOptions) -> tuple[dict[str, Any], ...]:
    """The children of a valid Model, complete objects, in the order ModelServers, ModelInfers, policies, bindings, ModelRoute."""
    servers = [
        child(model, MODEL_SERVER, child_name(model, backend), backend.name, server_spec(model, backend))
        for backend in model.spec.backends
    ]
    infers = [
        child(
            model,
            MODEL_INFER,
            child_name(model, backend),
            backend.name,
            ENGINES[backend.type](model, backend, options),
            {TEMPLATE_INPUTS: template_inputs(model, backend)},
        )
        for backend in model.spec.backends
    ]
    route = child(model, MODEL_ROUTE, model.name, "", route_spec(model))
    return (*servers, *infers, *policies(model), *bindings(model), route)
