"""The networks of the atlas that the package brings with it: what scores and conventions are compared with.

``python -m nnstatmech.atlas.make_reference results/<scale>-<data>/atlas/atlas.parquet`` writes the files from a table
of any scale: ``networks.csv`` (a row a network: its scores and whether it trained), ``scores.csv`` (how well each score
foretold it; ``contest.csv`` and ``planes.csv`` for readers), ``conventions.csv`` (how often each convention of a
diagnosis was right on the held-out networks) and ``provenance.json``.
"""

import csv
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

FOLDER = Path(__file__).parent / "committed"


class Rates(NamedTuple):
    """How often something is reported of held-out networks.

    Attributes
    ----------
    hit_rate
        Share of the networks that fail to train, of which it is; None without any.
    false_alarm_rate
        Share of the networks that train, of which it is; None without any.
    failing, training
        How many there are.
    """

    hit_rate: float | None
    false_alarm_rate: float | None
    failing: int
    training: int


@cache
def provenance() -> dict:
    """``scale``, ``data``, ``dataset``, ``commit``, ``steps``, numbers of ``networks``, ``training``, ``held_out``."""
    return json.loads((FOLDER / "provenance.json").read_text(encoding="utf-8"))


@cache
def rates() -> dict[str, Rates]:
    """Convention to how often it was right; nothing of conventions that speak of the images, or not counted yet."""
    path = FOLDER / "conventions.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["convention"]: rates_in(row) for row in rows}


def rates_in(row: dict[str, str]) -> Rates:
    hit, false_alarm = (float(row[name]) if row[name] else None for name in ("hit_rate", "false_alarm_rate"))
    return Rates(hit, false_alarm, int(row["failing"]), int(row["training"]))


@cache
def networks() -> pd.DataFrame:
    """The networks, as :func:`nnstatmech.atlas.curves.networks_of` gives them; not to be changed."""
    return pd.read_csv(FOLDER / "networks.csv")


@cache
def scores() -> pd.DataFrame:
    """How well each score foretold what trained, see :func:`nnstatmech.atlas.curves.table_of_scores`."""
    return pd.read_csv(FOLDER / "scores.csv")
