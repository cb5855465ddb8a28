"""What the documentation's site does with links into the repository, which it does not contain: their text stays, the link goes."""

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)[^)]*\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page without links that leave the folder of the documentation; ``hack/check-docs`` has checked those."""
    docs = Path(config.docs_dir).resolve()
    here = Path(page.file.abs_src_path).parent

    def kept(link: re.Match[str]) -> str:
        text, target = link.groups()
        inside = "://" in target or (here / target).resolve().is_relative_to(docs)
        return link.group() if inside else text

    return LINK.sub(kept, markdown)
