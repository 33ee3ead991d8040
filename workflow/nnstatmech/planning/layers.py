"""Where the settings come from: the families' own files, config.yaml, further files, the command line."""

import yaml

from .families import FAMILIES, PACKAGE
from .settings import StrictLoader, is_per_scale


def of_families(section: str) -> dict:
    """The entries of every family's ``<section>.yaml``, each with its family."""
    entries = {}
    for family in FAMILIES:
        path = PACKAGE / family / f"{section}.yaml"
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader) if path.exists() else {}
        found = {name: with_sibling(name, found or {}) for name in found or {}}
        entries |= {name: {"family": family} | entry for name, entry in found.items()}
    return entries


REPLACED = {"sweep", "cases"}


def with_sibling(name: str, entries: dict) -> dict:
    """An entry with what it takes from the sibling that it is ``like``; a ``sweep`` and ``cases`` are replaced."""
    entry = entries[name]
    if "like" not in entry:
        return entry
    own = {key: value for key, value in entry.items() if key != "like"}
    return overlaid(with_sibling(entry["like"], entries), own)


def overlaid(below: dict, above: dict) -> dict:
    """``above`` merged over ``below`` mapping by mapping."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        merges = isinstance(value, dict) and isinstance(old, dict) and key not in REPLACED
        if merges and not (is_per_scale(value) or is_per_scale(old)):
            result[key] = overlaid(old, value)
        else:
            result[key] = value
    return result


def merged(config: dict) -> dict:
    """``config`` over what the families bring with them."""
    return {
        **config,
        **{name: of_families(name) | (config.get(name) or {}) for name in ("experiments", "figures")},
    }
