"""What the documentation's site adds to the pages: the version, the reference of the framework, and no links that leave the folder."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)[^)]*\)")


def on_config(config: Any) -> Any:
    """The version is at the foot of every page."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    config.copyright = f"model-controller {version}"
    return config


def on_files(files: Any, *, config: Any) -> Any:
    """A page that exists only on the site, because it would change with every docstring."""
    sys.path.insert(0, str(ROOT))
    from hack.api_reference import page

    files.append(File.generated(config, "reference/framework.md", content=page()))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page without links that leave the folder of the documentation; ``hack/check-docs`` has checked those."""
    if page.file.abs_src_path is None:
        return markdown
    docs = Path(config.docs_dir).resolve()
    here = Path(page.file.abs_src_path).parent

    def kept(link: re.Match[str]) -> str:
        text, target = link.groups()
        inside = "://" in target or (here / target).resolve().is_relative_to(docs)
        return link.group() if inside else text

    return LINK.sub(kept, markdown)
