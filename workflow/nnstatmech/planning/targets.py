"""Targets that are nearly figures: what to type instead."""

import difflib
import re
from collections.abc import Iterable, Mapping

from .mistakes import ConfigError
from .settings import Settings

NEARLY_A_FIGURE = re.compile(r"(?:\./)?(?:figures/)?([A-Za-z][A-Za-z0-9_]*?)(?:\.(png|pdf|svg|jpg|jpeg|eps|tif|tiff))?")


def check_targets(targets: Iterable[str], figures: Mapping) -> None:
    """Refuse targets that name a figure in a way that Snakemake does not know.

    Parameters
    ----------
    targets
        Words of the command line: Snakemake has not yet told targets from options when settings are read. No value of
        an option looks like a figure.
    figures
        The figures that there are.

    Raises
    ------
    ConfigError
        With what to type.
    """
    lines = [line for target in targets if (line := advice(str(target), figures))]
    if lines:
        raise ConfigError(*lines)


def advice(target: str, figures: Mapping) -> str | None:
    """What to type instead of ``target``; None if it is fine, or nothing like a figure."""
    match = NEARLY_A_FIGURE.fullmatch(target)
    if match is None:
        return None
    name, suffix = match.groups()
    in_folder = "figures/" in target
    if not in_folder and suffix is None and name not in figures:
        close = difflib.get_close_matches(name, figures, 1, cutoff=0.8)
        return f"{target}: there is no such target; type: snakemake figures/{close[0]}.png" if close else None
    if name == "scorecard" or (in_folder and suffix in ("png", "pdf") and name in figures):
        return None
    if name in figures:
        return f"{target}: figures are made as PNG and PDF; type: snakemake figures/{name}.png"
    close = difflib.get_close_matches(name, figures, 1)
    hint = f"; type: snakemake figures/{close[0]}.png" if close else ""
    return f"{target}: there is no figure {name!r}{hint}; there are {', '.join(figures)}"


def check_report(words: Iterable[str], made: Iterable[str], wanted: Iterable[str]) -> None:
    """Refuse a report on figures that are not made, which Snakemake would refuse one file at a time.

    Parameters
    ----------
    words
        The command line.
    made
        Paths of the figures that exist.
    wanted
        Paths of what the call without targets reports on.

    Raises
    ------
    ConfigError
        With the command that reports on what is there.
    """
    words, made = list(words), set(made)
    if "--report" not in words:
        return
    named = [word for word in words if word.startswith("figures/")]
    missing = [path for path in named or wanted if path not in made]
    if not missing:
        return
    there = sorted(set(named) & made if named else made)
    hint = f"report on what is there: snakemake {' '.join(there)} --report report.html" if there else "make them first"
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    raise ConfigError(f"--report: not made yet: {shown}; {hint}")


def reported(words: Iterable[str], settings: Settings) -> dict:
    """What a report of this call holds: how many figures, at which scale and data, and whether the scorecard."""
    named = {word for word in words if word.startswith("figures/")}
    figures = named - {"figures/scorecard.png"}
    return {
        "figures": len(figures) if named else len(settings.figures),
        "scorecard": not named or "figures/scorecard.png" in named,
        "scale": settings.scale,
        "data": settings.data,
    }
