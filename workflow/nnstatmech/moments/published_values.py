"""Published curves: Labatie 2019 (ICML, arXiv 1811.03087), see ``published/README.md`` for source and certainty."""

from pathlib import Path

import numpy as np
import pandas as pd

TABLE = Path(__file__).parent / "published" / "curves.csv"


def published_curves(experiment: str) -> pd.DataFrame:
    """The published values of one experiment: quantity, depth, realisations, mean, p16, p84, sd.

    Raises
    ------
    KeyError
        If nothing is known about ``experiment``.
    """
    table = pd.read_csv(TABLE)
    if experiment not in set(table["experiment"]):
        raise KeyError(f"no published curves of {experiment!r}; known: {', '.join(table['experiment'].unique())}")
    return table[table["experiment"] == experiment].drop(columns="experiment").reset_index(drop=True)


def published_means(experiment: str) -> pd.DataFrame:
    """Means over the published realisations, and their spread, at all depths.

    Returns
    -------
    pandas.DataFrame
        Indexed by quantity and depth: ``mean``, ``sd`` and ``realisations``. The standard deviation is known at some
        depths; in between it is half the published 16-84 % range times the ratio of the two, interpolated.
    """
    rows = published_curves(experiment)
    halves = (rows["p84"] - rows["p16"]) / 2
    parts = []
    for _, part in rows.groupby("quantity", sort=False):
        known = part[part["sd"].notna()]
        ratio = np.interp(part["depth"], known["depth"], known["sd"] / halves[known.index])
        parts.append(part.assign(sd=halves[part.index] * ratio))
    return pd.concat(parts).set_index(["quantity", "depth"])[["mean", "sd", "realisations"]]
