"""What the claims about cascades and trained networks measure on the engines' tables."""

import numpy as np
import pandas as pd

from ..readings import Measurement, NotMeasured
from ..theory.mean_field import MeanField, critical_weight_variance


def of_seeds(values: pd.Series) -> Measurement:
    """Mean over seeds with its standard error."""
    if len(values) < 2:
        raise NotMeasured(f"{len(values)} realisations: at least 2 are needed for a standard error")
    return Measurement(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


# --- trained networks --------------------------------------------------------------------------


def final_accuracies(table: pd.DataFrame, depth: int) -> pd.DataFrame:
    """Test accuracies after the last step at one depth, rows: weight variance, columns: seed."""
    accuracies = table[(table.quantity == "accuracy") & (table.step == table.step.max())]
    if depth not in set(accuracies.depth):
        raise NotMeasured(f"depth {depth} was not trained")
    return accuracies[accuracies.depth == depth].pivot_table(index="weight_variance", columns="seed", values="value")


def mean_accuracy(table: pd.DataFrame, depth: int, lowest: float, highest: float) -> Measurement:
    """Test accuracy at ``depth``, averaged over the weight variances from ``lowest`` to ``highest``."""
    accuracies = final_accuracies(table, depth)
    return of_seeds(accuracies[(accuracies.index >= lowest) & (accuracies.index <= highest)].mean())


def accuracy_beyond(table: pd.DataFrame, correlation_depths: float) -> Measurement:
    """Test accuracy of ordered networks deeper than so many correlation depths ξ_c, averaged over all of them."""
    bias_variance = next(iter(table.attrs["runs"].values()))["bias_variance"]
    critical = critical_weight_variance(bias_variance)
    accuracies = table[
        (table.quantity == "accuracy") & (table.step == table.step.max()) & (table.weight_variance < critical)
    ]
    scales = {
        variance: MeanField(variance, bias_variance).correlation_depth
        for variance in accuracies.weight_variance.unique()
    }
    beyond = accuracies[accuracies.depth > correlation_depths * accuracies.weight_variance.map(scales)]
    if beyond.empty:
        raise NotMeasured(f"no ordered network is deeper than {correlation_depths:g} correlation depths")
    return of_seeds(beyond.groupby("seed").value.mean())


def falling_depth(table: pd.DataFrame, lowest: float, highest: float) -> Measurement:
    """Depth that the falling procedure found, in units of ξ_c, averaged over a range of weight variances.

    The standard error is that of the mean over weight variances: one walk is one realisation, whose depths are
    bounded by those before.
    """
    bias_variance = next(iter(table.attrs["runs"].values()))["bias_variance"]
    inside = table[(table.weight_variance >= lowest) & (table.weight_variance <= highest)]
    last = inside[inside.quantity == "trained"].sort_values("attempt")
    last = last.groupby(["run", "seed", "weight_variance"], observed=True).tail(1)
    found = last[last.value == 1].groupby("weight_variance").depth.mean()
    ratios = np.array(
        [depth / MeanField(variance, bias_variance).correlation_depth for variance, depth in found.items()]
    )
    if len(ratios) < 2:
        raise NotMeasured(f"networks trained at {len(ratios)} weight variances between {lowest} and {highest}")
    return Measurement(float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios))))


def intended_classes(table: pd.DataFrame) -> Measurement:
    """How many class-optimal inputs the network gives the class that they were decoded for, averaged over seeds."""
    optimal = table[table.quantity == "class_optimal"]
    hits = (optimal.value == optimal.label).groupby(optimal.seed).sum()
    return Measurement(float(hits.mean()), float(hits.std(ddof=1) / np.sqrt(len(hits))) if len(hits) > 1 else 0.0)


def image_accuracy(table: pd.DataFrame) -> Measurement:
    """Test accuracy of a trained image classifier; the error is that of the test images and of the seeds."""
    values = table[table.quantity == "accuracy"].value
    if values.empty:
        raise NotMeasured("the network was loaded, not trained here")
    images = table[table.quantity == "test_images"].value.iloc[0]
    mean = float(values.mean())
    between = values.var(ddof=1) / len(values) if len(values) > 1 else 0.0
    return Measurement(mean, float(np.sqrt(mean * (1 - mean) / images + between)))


# --- cascades through random networks ----------------------------------------------------------


def runs_with(table: pd.DataFrame, **wanted) -> pd.DataFrame:
    """The rows of the runs whose parameters have the wanted values."""
    runs = [run for run, params in table.attrs["runs"].items() if all(params[name] == wanted[name] for name in wanted)]
    found = table[table.run.isin(runs)]
    if found.empty:
        raise NotMeasured(f"no run has {', '.join(f'{name} = {value}' for name, value in wanted.items())}")
    return found


def theory(table: pd.DataFrame, weight_variance: float) -> MeanField:
    """The mean-field theory of the table's networks at one weight variance."""
    return MeanField(weight_variance, next(iter(table.attrs["runs"].values()))["bias_variance"])


def critical_point(table: pd.DataFrame) -> Measurement:
    """The weight variance at which the networks' mean-field theory is critical (exact)."""
    return Measurement(critical_weight_variance(theory(table, 1.0).bias_variance), 0.0)


def peak(curve: pd.Series) -> float:
    """Where a curve over the weight variance is largest: vertex of the parabola through the highest three points."""
    place = int(np.argmax(curve))
    if not 0 < place < len(curve) - 1:
        raise NotMeasured(f"the curve is largest at the end of its range, {curve.index[place]}")
    near = slice(place - 1, place + 2)
    square, slope, _ = np.polyfit(curve.index[near].to_numpy(float), curve.to_numpy(float)[near], 2)
    return float(-slope / (2 * square))


def weight_variance_of_peak(
    table: pd.DataFrame, quantity: str, from_depth: int, to_depth: int, **wanted
) -> Measurement:
    """The weight variance at which ``quantity`` is largest, averaged over a range of depths.

    The standard error is that of the seeds; with one seed, that of the depths, which are not independent.
    """
    rows = runs_with(table, **wanted)
    rows = rows[(rows.quantity == quantity) & rows.depth.between(from_depth, to_depth)]
    if rows.empty:
        raise NotMeasured(f"no depth between {from_depth} and {to_depth} was evaluated")
    curves = rows.pivot_table(index="weight_variance", columns=["seed", "depth"], values="value")
    peaks = curves.apply(peak)
    of_seed = peaks.groupby("seed").mean()
    spread = of_seed if len(of_seed) > 1 else peaks
    return Measurement(float(of_seed.mean()), float(spread.std(ddof=1) / np.sqrt(len(spread))))


def scaled_cutoffs(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> pd.DataFrame:
    """Cutoffs in units of ξ_c, one row per run, seed and weight variance; null where the information is not lost."""
    rows = table[(table.quantity == quantity) & table.weight_variance.isin(weight_variances)]
    scales = {variance: theory(table, variance).correlation_depth for variance in weight_variances}
    scaled = rows[["run", "seed", "weight_variance"]].assign(
        depth=rows.value.astype(float) / rows.weight_variance.map(scales),
        strength=rows.run.astype(str).map(lambda run: table.attrs["runs"][run]["ridge_strength"]),
        decoder=rows.run.astype(str).map(lambda run: table.attrs["runs"][run]["decoder"]),
    )
    if scaled.empty:
        raise NotMeasured(f"no network has one of the weight variances {weight_variances}")
    return scaled


def mean_over_networks(values: pd.Series) -> Measurement:
    """Mean over networks (seeds and weight variances) with its standard error."""
    if len(values) < 2 or values.isna().any():
        raise NotMeasured(
            f"{int(values.notna().sum())} of {len(values)} networks have a value; at least 2, and all, are needed"
        )
    return Measurement(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def cutoff_depth(table: pd.DataFrame, quantity: str, weight_variances: list[float], strength: float) -> Measurement:
    """Cutoff of ridge decoders of one strength in units of ξ_c, averaged over networks."""
    scaled = scaled_cutoffs(table, quantity, weight_variances)
    return mean_over_networks(scaled[(scaled.decoder == "ridge") & np.isclose(scaled.strength, strength)].depth)


def cutoff_slope(
    table: pd.DataFrame, quantity: str, weight_variances: list[float], weakest: float, strongest: float
) -> Measurement:
    """Growth of the cutoff, in units of ξ_c, for each decade by which the decoders' ridge strength is lowered.

    Fitted to each network's cutoffs at strengths from ``weakest`` to ``strongest``.
    """
    scaled = scaled_cutoffs(table, quantity, weight_variances)
    scaled = scaled[(scaled.decoder == "ridge") & scaled.strength.between(0.99 * weakest, 1.01 * strongest)]
    slopes = [
        np.polyfit(-np.log10(network.strength), network.depth, 1)[0] if network.depth.notna().all() else np.nan
        for _, network in scaled.groupby(["seed", "weight_variance"])
    ]
    return mean_over_networks(pd.Series(slopes, dtype=float))


def effective_ridge_strength(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> Measurement:
    """log₁₀ of the ridge strength whose decoders lose information at the depth at which trained decoders do.

    Interpolated for each network between the ridge strengths at hand.
    """
    scaled = scaled_cutoffs(table, quantity, weight_variances).dropna(subset="depth")
    equivalents = []
    for _, network in scaled.groupby(["seed", "weight_variance"]):
        ridge = network[network.decoder == "ridge"].sort_values("depth")
        trained = network[network.decoder == "adam"].depth
        if len(trained) and ridge.depth.min() <= trained.iloc[0] <= ridge.depth.max():
            equivalents.append(np.interp(trained.iloc[0], ridge.depth, np.log10(ridge.strength)))
    return mean_over_networks(pd.Series(equivalents, dtype=float))


def collapsed_entropy(table: pd.DataFrame, correlation_depths: float, **wanted) -> Measurement:
    """Largest differential entropy of ordered networks deeper than so many correlation depths, averaged over seeds."""
    rows = runs_with(table, **wanted)
    critical = critical_point(table).value
    rows = rows[(rows.quantity == "differential_entropy") & (rows.weight_variance < critical)]
    scales = {variance: theory(table, variance).correlation_depth for variance in rows.weight_variance.unique()}
    beyond = rows[rows.depth > correlation_depths * rows.weight_variance.map(scales)]
    if beyond.empty:
        raise NotMeasured(f"no ordered network is deeper than {correlation_depths:g} correlation depths")
    largest = beyond.groupby("seed").value.max()
    return Measurement(
        float(largest.mean()), float(largest.std(ddof=1) / np.sqrt(len(largest))) if len(largest) > 1 else 0.0
    )
