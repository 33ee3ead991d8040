"""The depth at which information is lost: where a curve over depth falls, or where it stops to change."""

import numpy as np


def crossing_depth(depths: np.ndarray, curves: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """The first depth at which a curve is below its threshold, interpolated between the depths at hand.

    Parameters
    ----------
    depths
        Increasing, shape (D,).
    curves
        Shape (..., D).
    threshold
        Broadcasts against (...).

    Returns
    -------
    Shape (...): NaN where a curve never falls below its threshold, the first depth where it starts below.
    """
    gaps = np.asarray(curves) - np.asarray(threshold)[..., None]
    below = gaps < 0
    first = below.argmax(-1)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(gaps, before[..., None], -1)[..., 0]
    low = np.take_along_axis(gaps, first[..., None], -1)[..., 0]
    share = np.divide(high, high - low, out=np.zeros_like(high), where=first > 0)
    found = depths[before] + share * (depths[first] - depths[before])
    return np.where(below.any(-1), found, np.nan)


def entropy_cutoff(depths: np.ndarray, entropies: np.ndarray, drop: float) -> np.ndarray:
    """Where a differential entropy (..., D) has fallen by ``drop`` from its value at the first depth."""
    return crossing_depth(depths, entropies, np.asarray(entropies)[..., 0] - drop)


def settling_depth(depths: np.ndarray, curves: np.ndarray, tolerance: float) -> np.ndarray:
    """The deepest depth at which a curve (..., D) still differs from its last value; 0 if it never does.

    The original work's cutoff: a value differs if it is further from the last one than ``tolerance`` times the last
    one plus 1e-8. A noisy curve differs until the last layers.
    """
    curves = np.asarray(curves)
    differs = ~np.isclose(curves, curves[..., -1:], rtol=tolerance, atol=1e-8)
    deepest = curves.shape[-1] - 1 - differs[..., ::-1].argmax(-1)
    return np.where(differs.any(-1), depths[deepest], 0)
