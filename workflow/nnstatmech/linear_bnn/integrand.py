"""Where an integrand over one real number lives: its maxima, and a uniform grid that resolves all that matter.

The integrand is given by its logarithm, which may have several maxima of very different widths, far from where any of
its factors is large. A sum over the grid is then its integral to rounding, because the integrand is analytic and
vanishes at both ends.
"""

from collections.abc import Callable

import numpy as np

LogDensity = Callable[[np.ndarray], np.ndarray]

SCAN = 0.05
"""Spacing in which maxima are looked for; the slope of the logarithm varies on a scale of 0.5."""

ZOOMS, ZOOM_POINTS = 5, 33
"""Refinements of a maximum, each by a factor of 16."""

DISTANCES = np.geomspace(1e-9, 1e3, 480)
"""From a maximum, at which its height is looked up: 6 % from one to the next."""

WIDEST_STEP = 0.1
"""Of the grid: fractions of the distance of the integrand's singularities from the real axis, π/2."""

MOST_POINTS = 400_000


def resolving_grid(log_density: LogDensity, low: float, high: float, *, drop: float = 60.0) -> np.ndarray:
    """Grid over all points at which the density is within ``drop`` nats of its maximum.

    Parameters
    ----------
    log_density
        Logarithm of the density, function of an array.
    low, high
        All maxima are between; the density falls off monotonically beyond.

    Raises
    ------
    ValueError
        If the integrand is too narrow to be told from its neighbours in floating-point numbers.
    """
    places, heights = maxima(log_density, low, high)
    if not np.isfinite(heights.max()):
        raise ValueError("the posterior of the kernel scale is 0 in floating-point numbers everywhere")
    kept = heights > heights.max() - drop
    places, heights = places[kept], heights[kept]
    level = heights.max() - drop
    left = places[0] - first_below(log_density, places[0], level, -1)
    right = places[-1] + first_below(log_density, places[-1], level, 1)
    widths = [
        first_below(log_density, place, height - 1, side)
        for place, height in zip(places, heights, strict=True)
        for side in (-1, 1)
    ]
    step = min(WIDEST_STEP, min(widths) / 2)
    points = int(np.ceil((right - left) / step)) + 1
    if points > MOST_POINTS:
        raise ValueError(f"the posterior of the kernel scale needs {points} points; at most {MOST_POINTS} are allowed")
    return np.linspace(left, right, points)


def maxima(log_density: LogDensity, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Places of the local maxima between ``low`` and ``high``, from left to right, and their heights."""
    t = np.linspace(low, high, int(np.ceil((high - low) / SCAN)) + 3)
    height = log_density(t)
    padded = np.concatenate([[-np.inf], height, [-np.inf]])
    found = np.flatnonzero((height >= padded[:-2]) & (height >= padded[2:]))
    left, right = t[np.maximum(found - 1, 0)], t[np.minimum(found + 1, len(t) - 1)]
    rows = np.arange(len(found))
    for _ in range(ZOOMS):
        fine = np.linspace(left, right, ZOOM_POINTS, axis=1)
        heights = log_density(fine.ravel()).reshape(fine.shape)
        best = heights.argmax(1)
        left, right = fine[rows, np.maximum(best - 1, 0)], fine[rows, np.minimum(best + 1, ZOOM_POINTS - 1)]
    return fine[rows, best], heights[rows, best]


def first_below(log_density: LogDensity, place: float, level: float, side: int) -> float:
    """Distance from ``place`` to the ``side`` (±1) at which the logarithm is below ``level`` and stays there."""
    above = np.flatnonzero(log_density(place + side * DISTANCES) >= level)
    return DISTANCES[min(above[-1] + 1 if above.size else 0, len(DISTANCES) - 1)]
