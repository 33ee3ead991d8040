"""Local energies against the probability of a flip, of the task ``local_energy``."""

import pandas as pd

from ...readings import by_seed, over_seeds, select


def by_fraction(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over realisations, indexed by p; 0 at p = 0."""
    curve = over_seeds(by_seed(select(rows, quantity="local_energy"), "flipped"))
    start = pd.DataFrame({"mean": 0.0, "error": 0.0}, index=[0.0])
    return pd.concat([start, curve[["mean", "error"]]])
