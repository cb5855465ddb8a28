"""The command line and the composition root: it wires the packages together and decides nothing itself.

Commands are imported when they are called, so that ``--help`` and ``render`` do not pay for what only ``run`` needs.
"""

from controller.cli.app import kubectl_plugin as kubectl_plugin
from controller.cli.app import main as main
