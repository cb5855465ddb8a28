"""A Model, which stands for itself."""

from controller.api.crds import model_schema
from controller.api.kinds import MODEL
from controller.fronts.front import Front
from controller.meta import Object


def _itself(model: Object) -> Object:
    return model


def _same(path: str) -> str:
    return path


MODEL_FRONT = Front(resource=MODEL, model=_itself, path=_same, schema=model_schema)
