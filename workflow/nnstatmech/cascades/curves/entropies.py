"""What cascades through random networks say over depth and weight variance, and where they lose the images."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ...readings import NotMeasured, by_seed, over_seeds, select
from ..cutoffs import crossing_depth
from .depth_scales import in_correlation_depths, ordered_beyond
from .published import published_map

STANDS_OUT = 0.02  # how far the largest value of a curve over σ_w² must be above the median to be called a peak


class Bands(NamedTuple):
    """Mean and standard deviation over networks: rows are depths, columns weight variances."""

    mean: pd.DataFrame
    deviation: pd.DataFrame


def over_depth(table: pd.DataFrame, quantity: str) -> Bands:
    """A quantity over depth and weight variance."""
    found = over_seeds(by_seed(select(table, quantity=quantity), ["depth", "weight_variance"]))
    deviation = found["error"] * np.sqrt(found["count"])
    return Bands(found["mean"].unstack("weight_variance"), deviation.unstack("weight_variance"))


def over_variances(table: pd.DataFrame, quantity: str) -> pd.Series:
    """A quantity without depth, averaged over seeds, by weight variance."""
    return over_seeds(by_seed(select(table, quantity=quantity), "weight_variance"))["mean"]


def ridge_line(table: pd.DataFrame, quantity: str) -> pd.Series:
    """At every depth the weight variance at which ``quantity`` is largest, where that stands out."""
    grid = over_depth(table, quantity).mean
    return grid.idxmax(axis=1)[grid.max(axis=1) - grid.median(axis=1) > STANDS_OUT]


def vertex(curve: pd.Series) -> float:
    """Where a curve over the weight variance is largest: vertex of the parabola through the highest three points.

    Raises
    ------
    NotMeasured
        If it is largest at an end.
    """
    place = int(np.argmax(curve))
    if not 0 < place < len(curve) - 1:
        raise NotMeasured(f"the curve is largest at the end of its range, {curve.index[place]}")
    near = slice(place - 1, place + 2)
    square, slope, _ = np.polyfit(curve.index[near].to_numpy(float), curve.to_numpy(float)[near], 2)
    return float(-slope / (2 * square))


def peaks(table: pd.DataFrame, quantity: str, from_depth: int, to_depth: int) -> pd.Series:
    """The weight variance at which ``quantity`` is largest, averaged over a range of depths, by seed."""
    rows = within_depths(select(table, quantity=quantity), from_depth, to_depth)
    curves = rows.pivot(index="weight_variance", columns=["seed", "depth"], values="value")
    return curves.apply(vertex).groupby("seed").mean()


def within_depths(rows: pd.DataFrame, from_depth: int, to_depth: int) -> pd.DataFrame:
    """The rows of a range of depths.

    Raises
    ------
    NotMeasured
        If there is none.
    """
    rows = rows[rows["depth"].between(from_depth, to_depth)]
    if rows.empty:
        raise NotMeasured(f"no depth between {from_depth} and {to_depth} was evaluated")
    return rows


def averages(
    table: pd.DataFrame, quantity: str, weight_variances: list[float], from_depth: int, to_depth: int
) -> pd.Series:
    """A quantity averaged over weight variances and a range of depths, by seed."""
    rows = within_depths(select(table, quantity=quantity, weight_variance=weight_variances), from_depth, to_depth)
    return rows.groupby("seed")["value"].mean()


def contrast_losses(table: pd.DataFrame, weight_variances: list[float], from_depth: int, to_depth: int) -> pd.Series:
    """Squared correlation minus R², averaged over weight variances and depths, by seed.

    The squared correlation is what reconstructions would explain at the contrast and the mean that fit best.
    """
    curves = [
        within_depths(select(table, quantity=name, weight_variance=weight_variances), from_depth, to_depth).set_index(
            ["seed", "weight_variance", "depth"]
        )["value"]
        for name in ("correlation", "explained_variance")
    ]
    return (curves[0] ** 2 - curves[1]).groupby("seed").mean()


def lost_values(table: pd.DataFrame, quantity: str, depths: float) -> pd.Series:
    """A quantity averaged over all ordered networks deeper than so many correlation depths, by seed."""
    return ordered_beyond(select(table, quantity=quantity), depths).groupby("seed")["value"].mean()


def differences_from_map(
    table: pd.DataFrame, weight_variances: list[float], from_depth: int, to_depth: int
) -> pd.Series:
    """Differential entropy minus that of the original's map, averaged over the cells that both have, by seed.

    Raises
    ------
    NotMeasured
        If they share no cell.
    """
    rows = select(table, quantity="differential_entropy", weight_variance=weight_variances)
    rows = within_depths(rows, from_depth, to_depth)
    published = published_map().rename("published")
    rows = rows.assign(sigma_w2=rows["weight_variance"].round(1)).join(published, on=["sigma_w2", "depth"], how="inner")
    if rows.empty:
        raise NotMeasured("the original's map has none of these weight variances and depths")
    return (rows["value"] - rows["published"]).groupby(rows["seed"]).mean()


def collapsed_entropies(table: pd.DataFrame, depths: float) -> pd.Series:
    """Largest differential entropy of ordered networks deeper than so many correlation depths, by seed."""
    return ordered_beyond(select(table, quantity="differential_entropy"), depths).groupby("seed")["value"].max()


def entropy_boundaries(table: pd.DataFrame, weight_variance: float, threshold: float) -> pd.Series:
    """First depth at which the differential entropy of one weight variance is below ``threshold`` nats, by seed."""
    rows = select(table, quantity="differential_entropy", weight_variance=weight_variance)
    curves = by_seed(rows, "depth")
    return pd.Series(crossing_depth(curves.columns.to_numpy(float), curves.to_numpy(), threshold), index=curves.index)


def largest_falls(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> pd.Series:
    """How far a quantity falls below what it was at a smaller depth, at most; mean over weight variances, by seed."""
    rows = select(table, quantity=quantity, weight_variance=weight_variances)
    curves = rows.pivot(index=["seed", "weight_variance"], columns="depth", values="value")
    return (curves.cummax(axis=1) - curves).max(axis=1).groupby("seed").mean()


# --- cutoffs -----------------------------------------------------------------------------------


def cutoffs(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean cutoff ``depth`` and its standard ``error``, from seeds and resampled images, by run and weight variance.

    NaN where a seed does not lose the information within the network: an average over the others would be too low.
    """
    position = ["run", "weight_variance"]
    rows = select(table, quantity=quantity)
    found = over_seeds(by_seed(rows.astype({"run": str}), position))
    resampled = table[table["quantity"] == f"{quantity}_error"].astype({"run": str})
    images = resampled.groupby(position)["value"].mean().reindex(found.index).astype(float)
    # The test images are the same for all seeds: their part of the error does not shrink with the seeds.
    error = np.hypot(found["error"].fillna(0), images.fillna(0))
    return pd.DataFrame({"depth": found["mean"], "error": error}).where(found["holes"] == 0)


def lost_depths(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """:func:`cutoffs` of a table whose runs share the weight variances among them, by weight variance alone."""
    return cutoffs(table, quantity).droplevel("run").sort_index()


def scaled_cutoffs(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> pd.DataFrame:
    """Cutoffs of every network in units of ξ_c, with the decoders' ``strength`` and kind, by run, seed and σ_w².

    Null where the information is not lost.
    """
    rows = select(table, quantity=quantity, weight_variance=weight_variances)
    scaled = rows[["run", "seed", "weight_variance"]].assign(depth=in_correlation_depths(table, rows, "value"))
    return with_decoders(table, scaled)


def with_decoders(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the kind of the decoders of their ``run``, and the ``strength`` of ridge decoders."""
    runs, names = table.attrs["runs"], rows["run"].astype(str)
    return rows.assign(
        decoder=[runs[run]["decoder"] for run in names], strength=[runs[run]["ridge_strength"] for run in names]
    )


def mean_of_networks(networks: pd.Series) -> pd.Series:
    """Mean over the weight variances of each seed, NaN where one has no value; indexed by seed."""
    return networks.groupby("seed").agg(lambda values: values.mean(skipna=False))


def cutoff_depths(table: pd.DataFrame, quantity: str, weight_variances: list[float], strength: float) -> pd.Series:
    """Cutoff of ridge decoders of one strength in units of ξ_c, averaged over weight variances, by seed."""
    ridge = select(table, decoder="ridge", ridge_strength=strength)
    return mean_of_networks(scaled_cutoffs(ridge, quantity, weight_variances).set_index("seed")["depth"])


def cutoff_ratios(table: pd.DataFrame, quantity: str, weight_variances: list[float], few: int, many: int) -> pd.Series:
    """Cutoff of decoders shown ``many`` images over that of decoders shown ``few``; mean of each seed's networks."""
    fewer, more = (
        select(table, quantity=quantity, weight_variance=weight_variances, presentations=shown)
        .set_index(["seed", "weight_variance"])["value"]
        .astype(float)
        for shown in (few, many)
    )
    return mean_of_networks(more / fewer)


def cutoff_slopes(
    table: pd.DataFrame, quantity: str, weight_variances: list[float], weakest: float, strongest: float
) -> pd.Series:
    """Growth of the cutoff, in units of ξ_c, for each decade by which the ridge strength is lowered, by seed.

    Fitted to each network's cutoffs at strengths from ``weakest`` to ``strongest``.
    """
    scaled = scaled_cutoffs(select(table, decoder="ridge"), quantity, weight_variances)
    scaled = scaled[scaled["strength"].between(0.99 * weakest, 1.01 * strongest)]
    slopes = {
        network: np.polyfit(-np.log10(rows["strength"]), rows["depth"], 1)[0] if rows["depth"].notna().all() else np.nan
        for network, rows in scaled.groupby(["seed", "weight_variance"])
    }
    return mean_of_networks(of_networks(slopes))


def effective_strengths(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> pd.Series:
    """log₁₀ of the ridge strength whose decoders lose information where trained ones do, by seed.

    Interpolated for each network between the ridge strengths at hand; NaN if a network is outside their range.
    """
    scaled = scaled_cutoffs(table, quantity, weight_variances)
    equivalents = {}
    for network, rows in scaled.groupby(["seed", "weight_variance"]):
        ridge = rows[rows["decoder"] == "ridge"].dropna(subset="depth").sort_values("depth")
        for trained in rows[rows["decoder"] == "adam"]["depth"]:
            logarithms = np.log10(ridge["strength"])
            equivalents[network] = np.interp(trained, ridge["depth"], logarithms, left=np.nan, right=np.nan)
    return mean_of_networks(of_networks(equivalents))


def of_networks(values: dict) -> pd.Series:
    """One number a network, indexed by seed and weight variance."""
    index = pd.MultiIndex.from_tuples(list(values), names=["seed", "weight_variance"])
    return pd.Series(list(values.values()), index=index, dtype=float)


def law_points(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Mean cutoffs (``depth``, ``error``) in units of ξ_c, with decoder and strength, by falling noise floor.

    One row a run and weight variance; those that lose nothing are left out.
    """
    found = cutoffs(table, quantity).dropna().reset_index()
    scaled = {column: in_correlation_depths(table, found, column) for column in ("depth", "error")}
    return with_decoders(table, found.assign(**scaled)).sort_values(["weight_variance", "strength"])
