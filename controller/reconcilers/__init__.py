"""The Model controller: observe, validate and render, diff, apply, summarize.

One snapshot, one plan, one status write. Nothing lives in memory that the next process could not find out again.
"""

from controller.reconcilers.setup import ModelControllerOptions as ModelControllerOptions
from controller.reconcilers.setup import setup as setup
