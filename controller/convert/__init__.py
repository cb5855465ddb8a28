"""From one family's objects to another's: documents in, documents and notes out. Pure.

Nothing is lost without a note that says so: what a target cannot say is found by reading back what was written.
"""

from controller.convert.boosters import to_booster as to_booster
from controller.convert.boosters import to_model as to_model
from controller.convert.children import to_dialect as to_dialect
from controller.convert.result import Converted as Converted
from controller.convert.result import Note as Note
