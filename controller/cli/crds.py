"""``crds``: the CustomResourceDefinitions, for ``kubectl apply -f -``."""

import click

from controller.api.crds import model_crd
from controller.api.documents import dump_documents
from controller.cli.options import dialect_option, option, version_option
from controller.dialects import Dialect
from controller.dialects.crds import child_crds


@click.command()
@version_option
@option("--all", "with_children", is_flag=True, help="Add the small CRDs of the child kinds (for tests and trials).")
@dialect_option
def crds(with_children: bool, dialect: Dialect) -> None:
    """Print the Model CRD.

    \b
    Examples:
      model-controller crds | kubectl apply --server-side -f -
      model-controller crds --all | kubectl apply -f -    (a trial without Kthena)
    """
    children = child_crds(dialect) if with_children else []
    click.echo(dump_documents([model_crd(), *children]), nl=False)
