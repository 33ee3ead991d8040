"""The law of the cutoff for the networks and images of a table, beside what was measured."""

import numpy as np
import pandas as pd

from ...readings import parameters_of, select
from ...theory.mean_field import MeanField
from ..image_moments import ImageMoments
from ..theory import explained_variances, gains, lost_depth


def moments_of(table: pd.DataFrame) -> ImageMoments:
    """Moments of the images that the table's decoders were fitted on.

    Raises
    ------
    NotMeasured
        If the table has none: its networks are no square dense layers.
    """
    first = select(table, seed=int(table["seed"].min()))
    first = select(first, run=str(first["run"].iloc[0]))
    spectrum = select(first, quantity="image_variance").sort_values("mode")["value"]
    return ImageMoments(float(select(first, quantity="image_mean_square")["value"].iloc[0]), spectrum.to_numpy(float))


def predicted_map(table: pd.DataFrame) -> pd.DataFrame:
    """R² by the law for ridge decoders of one strength; rows: depth from 1 to L, columns: weight variance."""
    params, moments = parameters_of(table), moments_of(table)
    depths = np.arange(1, params["depth"] + 1)
    columns = {}
    for variance in sorted(table["weight_variance"].dropna().unique()):
        own = gains(MeanField(float(variance), params["bias_variance"]), moments, len(depths))
        columns[variance] = explained_variances(own, moments.variances, params["ridge_strength"])
    return pd.DataFrame(columns, index=depths)


def predicted_cutoffs(table: pd.DataFrame) -> pd.Series:
    """Depth at which R² is lost by the law, by weight variance; NaN where it is not within the network."""
    params, moments = parameters_of(table), moments_of(table)
    threshold, strength = params["lowest_explained_variance"], params["ridge_strength"]
    return pd.Series(
        {
            variance: lost_depth(
                MeanField(float(variance), params["bias_variance"]), moments, strength, threshold, params["depth"]
            )
            for variance in sorted(table["weight_variance"].dropna().unique())
        },
        dtype=float,
    )


def predicted_law(table: pd.DataFrame, variance: float, strengths: np.ndarray) -> np.ndarray:
    """Cutoffs of one weight variance in units of ξ_c at each of the ridge ``strengths``, by the law."""
    params = parameters_of(table)
    field, moments = MeanField(float(variance), params["bias_variance"]), moments_of(table)
    # The law knows no end of the network, so that its lines go on behind the last depth that was computed.
    depth = 3 * max(run["depth"] for run in table.attrs["runs"].values())
    threshold = params["lowest_explained_variance"]
    lost = [lost_depth(field, moments, float(strength), threshold, depth) for strength in strengths]
    return np.array(lost) / field.correlation_depth


def law_ratios(table: pd.DataFrame, weight_variances: list[float], strength: float) -> pd.DataFrame:
    """Measured over predicted cutoff of R² of every network: ``seed``, ``weight_variance``, ``ratio``, ``aspect``.

    ``aspect`` is the measured cutoff over the width. NaN where a network loses nothing within its layers.
    """
    ridge = select(table, decoder="ridge", ridge_strength=strength)
    rows = select(ridge, quantity="cutoff_explained_variance", weight_variance=weight_variances)
    ratios = rows[["run", "seed", "weight_variance", "value"]].rename(columns={"value": "depth"})
    predicted = {run: predicted_cutoffs(select(ridge, run=str(run))) for run in rows["run"].unique()}
    law = [predicted[run][variance] for run, variance in zip(rows["run"], rows["weight_variance"], strict=True)]
    width = [table.attrs["runs"][run]["resolution"] ** 2 for run in rows["run"]]
    return ratios.assign(predicted=law, ratio=rows["value"] / law, aspect=rows["value"] / width, width=width)
