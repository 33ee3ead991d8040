"""Exponents of power laws."""

import numpy as np
import pandas as pd

from ...readings import Measurement, NotMeasured


def slope(x: np.ndarray, y: np.ndarray) -> Measurement:
    """Least-squares slope of y against x and its standard error.

    Raises
    ------
    NotMeasured
        With fewer than three points.
    """
    if len(x) < 3:
        raise NotMeasured(f"{len(x)} points: the error of a slope needs three")
    coefficients, covariance = np.polyfit(x, y, 1, cov="unscaled")
    residuals = y - np.polyval(coefficients, x)
    variance = residuals @ residuals / (len(x) - 2)
    return Measurement(float(coefficients[0]), float((covariance[0, 0] * variance) ** 0.5), len(x) - 2)


def exponent(values: pd.DataFrame) -> Measurement:
    """Slope of log(value) against log(position), all realisations (rows) with equal weight."""
    positions = np.broadcast_to(values.columns.to_numpy(float), values.shape)
    measured = np.isfinite(values.to_numpy())
    return slope(np.log(positions[measured]), np.log(values.to_numpy()[measured]))
