"""The same pages for the documentation, from the pictures and pages that ``docs/gallery/`` holds.

``snakemake gallery`` writes a JSON file beside each picture; copies of both are what the documentation shows.
``python -m nnstatmech.gallery.docs`` makes ``docs/gallery.md``, which is read in the repository itself; the pages of
the site are made while it is built.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from ..planning.layers import of_package
from ..planning.plan import Plan
from .folder import environment, thumbnail
from .model import FigurePage, by_work, from_json

DOCS = Path(__file__).resolve().parents[3] / "docs"
SHOWN = ("png", "pdf", "csv", "json")
SPECIAL = re.compile(r"([\\`*_\[\]<>|#$~^{}])")
BADGES = {"reproduced": "success", "refuted": "danger", "inconclusive": "warning"}


def pages_of(folder: Path) -> list[FigurePage]:
    """The pages of the JSON files in a folder whose pictures are there, in the order of the plan."""
    order = list(Plan.of(of_package()).settings.figures)
    pages = [from_json(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    known = [page.with_files(folder, SHOWN) for page in pages if page.name in order]
    return sorted((page for page in known if "png" in page.files), key=lambda page: order.index(page.name))


def write_site(folder: Path, target: Path) -> None:
    """A page for each figure of ``folder``, and ``index.md`` with their thumbnails, for Sphinx."""
    pages = pages_of(folder)
    target.mkdir(parents=True, exist_ok=True)
    keep(target, {"index", *(page.name for page in pages)})
    for page in pages:
        thumbnail(folder / page.files["png"], target / f"{page.name}.thumbnail.webp")
        write(target / f"{page.name}.md", "figure.md", page=page, folder=f"../{folder.name}", badges=BADGES)
    write(target / "index.md", "index.md", works=by_work(pages))


def keep(folder: Path, names: set[str]) -> None:
    """Remove the pages of figures that are no more."""
    for path in folder.iterdir():
        if path.name.partition(".")[0] not in names:
            path.unlink()


def write(path: Path, template: str, **values) -> None:
    """Write a page, unless it says so already: Sphinx reads again what has changed."""
    templates = environment()
    templates.filters["plain"] = plain
    text = templates.get_template(template).render(**values)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def write_overview(pages: Sequence[FigurePage], path: Path) -> None:
    """``docs/gallery.md``: every picture with its caption, for readers of the repository."""
    write(path, "gallery.md", works=by_work(list(pages)))


if __name__ == "__main__":
    write_overview(pages_of(DOCS / "gallery"), DOCS / "gallery.md")
