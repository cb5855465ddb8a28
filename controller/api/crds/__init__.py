"""The CustomResourceDefinition of Model, made from its types."""

from controller.api.crds.model import model_crd as model_crd
from controller.api.crds.model import model_schema as model_schema
