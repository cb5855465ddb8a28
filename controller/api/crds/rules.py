"""The rules that the API server itself checks, in CEL, by the type they stand on.

Rules under ``spec`` run on every edit of it and pass on writes of status and metadata. Texts are matched before they are parsed, because an
evaluation error would refuse even those.
"""

from typing import Any

from controller.api.durations import FORM
from controller.api.model import WORKERS_OF

_ONE_SERVER = ",".join(f"'{type_}'" for type_, workers in WORKERS_OF.items() if workers == ("server",))
_PAIRS = ",".join(f"'{type_}'" for type_, workers in WORKERS_OF.items() if workers == ("prefill", "decode"))


def rule(text: str, message: str) -> dict[str, str]:
    """A CEL rule and what its violation says."""
    return {"rule": text, "message": message}


def duration_rule(field: str, limit: str) -> dict[str, str]:
    """The rule that an optional field is a duration from 0s to ``limit``."""
    text = (
        f"!has(self.{field}) || (self.{field}.matches('{FORM}') && self.{field} != '' && self.{field} != '-' && "
        f"duration(self.{field}) >= duration('0s') && duration(self.{field}) <= duration('{limit}'))"
    )
    return rule(text, f"{field} must be a duration between 0s and {limit}")


RULES: dict[str, list[dict[str, Any]]] = {
    "Model": [
        {
            **rule(
                "oldSelf.hasValue() || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "metadata.name must start with a letter and hold only lower-case letters, digits and dashes",
            ),
            "optionalOldSelf": True,
        }
    ],
    "ModelSpec": [
        rule(
            "self.backends.map(b, b.maxReplicas).sum() <= 1000000",
            "maxReplicas of all backends may add up to at most 1000000",
        ),
        rule(
            "!(has(self.autoscalingPolicy) && self.backends.exists(b, has(b.autoscalingPolicy)))",
            "choose one level of autoscaling: of the model or of single backends",
        ),
        rule(
            "has(self.autoscalingPolicy) || self.backends.all(b, !has(b.scalingCost) || b.scalingCost == 0)",
            "scalingCost has a meaning only with autoscaling at model level",
        ),
        rule(
            "has(self.autoscalingPolicy) || self.backends.all(b, !has(b.scaleToZeroGracePeriod))",
            "scaleToZeroGracePeriod has a meaning only with autoscaling at model level",
        ),
        rule(
            "has(self.autoscalingPolicy) || !has(self.costExpansionRatePercent)",
            "costExpansionRatePercent has a meaning only with autoscaling at model level",
        ),
        rule(
            "has(self.autoscalingPolicy) || self.backends.exists(b, has(b.autoscalingPolicy)) || "
            "self.backends.all(b, b.minReplicas == b.maxReplicas)",
            "without autoscaling, minReplicas and maxReplicas must be equal",
        ),
        rule(
            "!has(self.autoscalingPolicy) || self.backends.map(b, b.minReplicas).sum() >= 1",
            "with autoscaling at model level, minReplicas must add up to at least 1",
        ),
        rule(
            "!has(self.autoscalingPolicy) || self.backends.all(b, has(b.scalingCost) && b.scalingCost > 0)",
            "with autoscaling at model level, every backend needs a scalingCost above 0",
        ),
        rule(
            "self.backends.map(b, has(b.routeWeight) ? b.routeWeight : 100).sum() > 0",
            "the route weights must not all be 0",
        ),
        rule(
            "!has(self.name) || self.backends.all(b, !has(b.loraAdapters) || b.loraAdapters.all(a, a.name != self.name))",
            "an adapter must not be named like the model",
        ),
    ],
    "Backend": [
        rule(
            f"!(self.type in [{_ONE_SERVER}]) || (size(self.workers) == 1 && self.workers[0].type == 'server')",
            "a backend of this type has exactly one worker, of type server",
        ),
        rule(
            "self.type != 'MindIEDisaggregated' || self.workers.all(w, w.type in ['prefill','decode','controller','coordinator'])",
            "workers of MindIEDisaggregated are prefill, decode, controller or coordinator",
        ),
        rule("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas"),
        duration_rule("scaleToZeroGracePeriod", "1800s"),
        rule(
            "!has(self.autoscalingPolicy) || self.minReplicas >= 1",
            "with autoscaling of the backend, minReplicas must be at least 1",
        ),
        rule(
            "!has(self.loraAdapters) || self.loraAdapters.all(a, self.loraAdapters.exists_one(o, o.name == a.name))",
            "adapter names must be unique in the backend",
        ),
        rule(
            f"!(self.type in [{_PAIRS}]) || (size(self.workers) == 2 && self.workers.exists_one(w, w.type == 'prefill') && "
            "self.workers.exists_one(w, w.type == 'decode'))",
            "a disaggregated backend has exactly one prefill and one decode worker",
        ),
        rule(
            "!self.modelURI.startsWith('pvc://') || (self.modelURI.matches('^pvc://+[a-z0-9]([-a-z0-9.]*[a-z0-9])?/+[^/]') && "
            "self.modelURI.split('/').all(s, s != '..'))",
            "a pvc:// modelURI names a claim and a path in it, without .. segments",
        ),
        rule(
            "!has(self.cacheURI) || !self.cacheURI.startsWith('pvc://') || "
            "self.cacheURI.matches('^pvc:///?[a-z0-9]([-a-z0-9.]*[a-z0-9])?/?$')",
            "a pvc:// cacheURI names one claim and nothing else",
        ),
        rule(
            "!has(self.cacheURI) || !self.cacheURI.startsWith('hostpath://') || (self.cacheURI.matches('^hostpath://+[^/]') && "
            "self.cacheURI.split('/').all(s, s != '..'))",
            "a hostpath:// cacheURI has a path without .. segments",
        ),
        rule(
            f"!(self.type in [{_PAIRS}]) || self.workers.all(w, !has(w.pods) || w.pods <= 1)",
            "workers of disaggregated backends have one pod",
        ),
    ],
    "Worker": [
        rule(
            "has(self.image) && self.image.matches('^[!-~]+$')",
            "image is required, and must be printable ASCII without white space",
        )
    ],
    "LoraAdapter": [
        rule(
            "!self.artifactURL.startsWith('pvc://') || (self.artifactURL.matches('^pvc://+[a-z0-9]([-a-z0-9.]*[a-z0-9])?/+[^/]') && "
            "self.artifactURL.split('/').all(s, s != '..'))",
            "a pvc:// artifactURL names a claim and a path in it, without .. segments",
        )
    ],
}
