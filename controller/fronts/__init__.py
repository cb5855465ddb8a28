"""The kinds that users write: a Model, or a ModelBooster of today's Kthena. Both are read as Models, and everything behind that sees only Models.

A front says how an object is read, how a place in the Model is called in the object's own words, and which dialect its children are in.
"""

from controller.fronts.booster import BOOSTER as BOOSTER
from controller.fronts.booster import booster_crd as booster_crd
from controller.fronts.front import Front as Front
from controller.fronts.front import front_of as front_of
from controller.fronts.model import MODEL_FRONT as MODEL_FRONT

FRONTS = (MODEL_FRONT, BOOSTER)
"""Every front."""
