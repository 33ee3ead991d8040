"""Numbers of the original work, read from its pictures; where from is said in ``published/README.md``."""

from importlib import resources

import pandas as pd


def published_table(name: str) -> pd.DataFrame:
    """A table of published numbers."""
    path = resources.files(__name__.rsplit(".", 2)[0]) / "published" / f"{name}.csv"
    with resources.as_file(path) as file:
        return pd.read_csv(file)


def published_boundary() -> pd.Series:
    """First depth at which the original map of the entropy is below -13 nats, by weight variance."""
    return published_table("entropy_boundary").set_index("sigma_w2")["first_depth_below"].dropna()


def published_map() -> pd.Series:
    """Differential entropy of the original map's cells (median of a cell), by weight variance and depth."""
    return published_table("entropy_map").set_index(["sigma_w2", "depth"])["entropy_median"]
