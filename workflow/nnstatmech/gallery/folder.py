"""The folder ``gallery/``: pages that a browser opens from the file system, without a connection."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.python import PythonLexer

from ..errors import NamedProblem
from .at_hand import page_at_hand, table_of
from .model import FigurePage, as_json, by_work

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL_WIDTH = 640  # pixels: twice the width of a card
STYLES = {"light": "default", "dark": "github-dark"}  # of Pygments


def environment() -> Environment:
    """The templates, whose values are escaped where the template makes HTML."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def build(pages: Sequence[FigurePage], results: Path, folder: Path) -> None:
    """Make the gallery of the figures that are at hand.

    Parameters
    ----------
    pages
        What the plan says of them. Of a figure at several scales or with several data the first stands in the overview.
    results
        The folder of results. Nothing in it is changed; nothing is computed.
    folder
        Where the gallery is made. What an earlier one left there is removed.

    Raises
    ------
    NamedProblem
        If no figure is at hand.
    """
    if not pages:
        raise NamedProblem(f"no figure is in {results}; make some first, as: snakemake figures/Fig_4.png")
    clear(folder)
    made = [collected(page_at_hand(page, results), results, folder) for page in pages]
    settings = list(dict.fromkeys(page.setting for page in made))
    scorecards = [setting for setting in settings if copy_scorecard(setting, results, folder)]
    templates = environment()
    for page in made:
        others = [other.setting for other in made if other.name == page.name and other.setting != page.setting]
        text = templates.get_template("figure.html").render(
            page=page, others=others, code=highlighted(page.code.text), root="../"
        )
        (folder / page.setting / f"{page.name}.html").write_text(text, encoding="utf-8")
        (folder / page.setting / f"{page.name}.json").write_text(as_json(page), encoding="utf-8")
    first = list({page.name: page for page in reversed(made)}.values())[::-1]
    text = templates.get_template("index.html").render(works=by_work(first), scorecards=scorecards, root="")
    (folder / "gallery.css").write_text((TEMPLATES / "gallery.css").read_text() + code_styles(), encoding="utf-8")
    shutil.copy(TEMPLATES / "gallery.js", folder / "gallery.js")
    (folder / "index.html").write_text(text, encoding="utf-8")  # last: it is there when all else is


def clear(folder: Path) -> None:
    """Remove an earlier gallery, and nothing else that may lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").unlink(missing_ok=True)
    for made in folder.glob("*/*.thumbnail.webp"):
        shutil.rmtree(made.parent, ignore_errors=True)


def collected(page: FigurePage, results: Path, folder: Path) -> FigurePage:
    """The page with its files beside it: pictures copied, tables linked where the file system can."""
    source, target = results / page.setting, folder / page.setting
    (target / "tables").mkdir(parents=True, exist_ok=True)
    for path in page.files.values():
        shutil.copy(source / "figures" / path, target / path)
    thumbnail(target / page.files["png"], target / f"{page.name}.thumbnail.webp")
    tables = {}
    for experiment in page.experiments:
        table = table_of(experiment, source)
        if table.is_file():
            link(table, target / "tables" / table.name)
            tables[f"{experiment.name}.parquet"] = f"tables/{table.name}"
    return replace(page, files=page.files | tables)


def link(source: Path, target: Path) -> None:
    """The same file at another place, without its bytes twice where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def thumbnail(picture: Path, small: Path) -> None:
    """A small copy of a picture, its colours kept."""
    with Image.open(picture) as image:
        height = max(1, round(image.height * THUMBNAIL_WIDTH / image.width))
        image.convert("RGB").resize((THUMBNAIL_WIDTH, height), Image.Resampling.LANCZOS).save(small, quality=90)


def copy_scorecard(setting: str, results: Path, folder: Path) -> bool:
    """Take the page of the scorecard along, if there is one."""
    page = results / setting / "scorecard.html"
    if page.is_file():
        shutil.copy(page, folder / setting / page.name)
    return page.is_file()


def highlighted(code: str) -> str:
    """Python as HTML with the classes that :func:`code_styles` colours."""
    return highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))


def code_styles() -> str:
    """Colours of code, for light and dark pages."""
    return "".join(
        "\n" + HtmlFormatter(style=style).get_style_defs(f':root[data-theme="{theme}"] .code')
        for theme, style in STYLES.items()
    )
