"""The operator's settings: images given by flags win over the ConfigMap, which wins over the defaults."""

from collections.abc import Mapping
from typing import Any

from controller.dialects import Dialect
from controller.render import RenderOptions

CONFIG_MAP_NAME = "model-controller-config"
CONFIG_MAP_NAMESPACE = "model-controller-system"
"""Where the shipped manifests put the controller and its ConfigMap."""


def render_options(
    dialect: Dialect, config_map: Mapping[str, Any] | None, downloader: str | None = None, runtime: str | None = None
) -> RenderOptions:
    """The images in force for a dialect, with this ConfigMap and these flags; an empty value counts as absent."""
    data = (config_map or {}).get("data") or {}
    keys = dialect.image_keys
    return RenderOptions.of(dialect, downloader or data.get(keys.downloader), runtime or data.get(keys.runtime))
