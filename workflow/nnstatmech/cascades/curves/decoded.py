"""Rows of decoded pictures: inputs, cascades, images of classes and of single channels."""

import pandas as pd

from ...readings import select


def first_network(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first seed's network that has pictures: one that has diverged has none."""
    return select(table, seed=int(select(table, quantity="input")["seed"].min()))


def shown_images(table: pd.DataFrame) -> list:
    """Numbers of the test images that are shown."""
    return sorted(select(table, quantity="input")["image"].unique())


def by_layer(table: pd.DataFrame, quantity: str) -> list:
    """The rows of one quantity, as named tuples, from the first layer to the last."""
    return list(select(table, quantity=quantity).sort_values("layer").itertuples())


def cascade_of(table: pd.DataFrame, image) -> list:
    """The rows of an image and of its reconstructions from each layer."""
    own = select(table, image=image)
    return [*select(own, quantity="input").itertuples(), *by_layer(own, "reconstruction")]


def class_optimal_inputs(table: pd.DataFrame) -> pd.DataFrame:
    """The images decoded from artificial outputs by ``seed`` and ``label``: ``intended`` if the network agrees."""
    rows = select(table, quantity="class_optimal").sort_values(["seed", "label"])
    return rows.assign(intended=rows["value"] == rows["label"])


def intended_counts(table: pd.DataFrame) -> pd.Series:
    """How many class-optimal inputs each network decides as intended, by seed; NaN where it has diverged."""
    return class_optimal_inputs(table).groupby("seed")["intended"].sum().reindex(table["seed"].unique())


def single_channels(table: pd.DataFrame, image) -> dict[int, pd.DataFrame]:
    """Layer to the rows of the pictures decoded from its channels alone, by falling activation; may be empty."""
    rows = table[(table["quantity"] == "channel") & (table["image"] == image)]
    return {int(layer): group.sort_values("value", ascending=False) for layer, group in rows.groupby("layer")}
