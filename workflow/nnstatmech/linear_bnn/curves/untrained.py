"""Output lengths of untrained networks and their closed law."""

import numpy as np
import pandas as pd

from ...readings import NotMeasured, parameters_of, select
from ..untrained import OutputLength
from .rows import exact_number


def output_lengths(table: pd.DataFrame) -> dict[float, tuple[OutputLength, np.ndarray]]:
    """The closed law and the measured lengths, by seed, of each temperature."""
    settings = parameters_of(table)
    norm = exact_number(select(table, quantity="input_norm"))
    rows = select(table, quantity="output_length").sort_values("seed", kind="stable")
    return {
        float(temperature): (
            OutputLength(norm, temperature, settings["width"], settings["coupling"]),
            group["value"].to_numpy(),
        )
        for temperature, group in rows.groupby("temperature")
    }


def scaled_median(table: pd.DataFrame) -> tuple[float, float]:
    """Median length over C, all temperatures together; its standard error from the exact density at the median."""
    pairs = list(output_lengths(table).values())
    scaled = np.concatenate([lengths / law.scale for law, lengths in pairs])
    law = pairs[0][0]
    density = law.pdf(law.median) * law.scale
    return float(np.median(scaled)), float(0.5 / (density * np.sqrt(len(scaled))))


def growth_exponent(table: pd.DataFrame) -> tuple[float, float]:
    """Power of T with which lengths grow, and its error: slope of the mean logarithm, weighted by its errors.

    Raises
    ------
    NotMeasured
        If there is one temperature only.
    """
    pairs = output_lengths(table)
    if len(pairs) < 2:
        raise NotMeasured("one temperature has no slope")
    log_t, logs = np.log(list(pairs)), [np.log(lengths) for _, lengths in pairs.values()]
    means = np.array([values.mean() for values in logs])
    weights = np.array([len(values) / values.var(ddof=1) for values in logs])
    centred = log_t - np.average(log_t, weights=weights)
    curvature = np.sum(weights * centred**2)
    return float(np.sum(weights * centred * means) / curvature), float(curvature**-0.5)
