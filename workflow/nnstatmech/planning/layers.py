"""Where the settings come from: the families' own files, config.yaml, further files, the command line."""

import yaml

from .families import FAMILIES, PACKAGE
from .settings import StrictLoader


def of_families(section: str) -> dict:
    """The entries of every family's ``<section>.yaml``, each with its family."""
    entries = {}
    for family in FAMILIES:
        path = PACKAGE / family / f"{section}.yaml"
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader) if path.exists() else {}
        entries |= {name: {"family": family} | entry for name, entry in (found or {}).items()}
    return entries


def merged(config: dict) -> dict:
    """``config`` over what the families bring with them."""
    return {
        **config,
        **{name: of_families(name) | (config.get(name) or {}) for name in ("experiments", "figures")},
    }
