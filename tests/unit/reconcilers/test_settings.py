"""Which images are in force."""

from controller.dialects import DIALECTS, E4FB6663
from controller.reconcilers.settings import render_options


def test_a_flag_wins_over_the_config_map_and_that_over_the_default() -> None:
    """In every dialect, under its own keys; an empty value counts as absent."""
    for dialect in DIALECTS.values():
        data = {dialect.image_keys.downloader: "map/d", dialect.image_keys.runtime: ""}
        options = render_options(dialect, {"data": data})
        assert (options.downloader_image, options.runtime_image) == ("map/d", dialect.images.runtime)
        flagged = render_options(dialect, {"data": data}, "flag/d", "flag/r")
        assert (flagged.downloader_image, flagged.runtime_image) == ("flag/d", "flag/r")
    assert render_options(E4FB6663, None).downloader_image == E4FB6663.images.downloader
