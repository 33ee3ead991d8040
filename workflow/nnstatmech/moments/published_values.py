"""Published curves: Labatie 2019 (ICML, arXiv 1811.03087), see ``published/README.md`` for source and certainty."""

from pathlib import Path

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
