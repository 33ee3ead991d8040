"""What the pages say: their fenced blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

from small_project import ROOT

BLOCK = re.compile(r"^```(?:\{code-cell\} )?(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"\s+# .*$")


def pages() -> list[Path]:
    """The README and all that it leads to."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")]
    made = ROOT / "docs/figures"  # while the site is built
    return [*top, *(page for page in sorted((ROOT / "docs").rglob("*.md")) if made not in page.parents)]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [content for named, content in BLOCK.findall(page.read_text(encoding="utf-8")) if named == language]


def commands(page: Path) -> Iterator[str]:
    """Each command of a page, without the comment behind it."""
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            if line.strip():
                yield COMMENT.sub("", line).strip()
