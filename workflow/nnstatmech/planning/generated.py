"""Files that are made from the code: ``python -m nnstatmech.planning.generated`` writes them all."""

from pathlib import Path

from . import costs_page, reference_page, schema
from .families import families_of


def contents() -> dict[Path, str]:
    """Each generated file and what it must hold."""
    return {
        schema.SCHEMA_FILE: schema.as_text(),
        costs_page.PAGE_FILE: costs_page.as_text(),
        reference_page.PAGE_FILE: reference_page.as_text(families_of()),
    }


if __name__ == "__main__":
    for path, text in contents().items():
        path.write_text(text, encoding="utf-8")
