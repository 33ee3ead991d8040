"""Numbers that were published, to be drawn behind ours."""

from importlib import resources

import pandas as pd


def published_table(name: str) -> pd.DataFrame:
    """A table of published numbers; its source is named in the README beside it."""
    path = resources.files(__name__.rpartition(".figures")[0]) / "published" / f"{name}.csv"
    with resources.as_file(path) as file:
        return pd.read_csv(file)
