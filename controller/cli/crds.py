"""``crds``: the CustomResourceDefinitions, for ``kubectl apply -f -``."""

import click

from controller.api.crds import child_crds, model_crd
from controller.api.documents import dump_documents
from controller.cli.options import option, version_option


@click.command()
@version_option
@option(
    "--all", "with_children", is_flag=True, help="Add the small CRDs of the five child kinds (for tests and trials)."
)
def crds(with_children: bool) -> None:
    """Print the Model CRD."""
    click.echo(dump_documents([model_crd(), *(child_crds() if with_children else [])]), nl=False)
