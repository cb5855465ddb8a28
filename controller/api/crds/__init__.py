"""The CustomResourceDefinitions: the Model's, made from its types, and small ones of the child kinds for demo, tests and trials."""

from controller.api.crds.children import child_crds as child_crds
from controller.api.crds.model import model_crd as model_crd
from controller.api.crds.model import model_schema as model_schema
