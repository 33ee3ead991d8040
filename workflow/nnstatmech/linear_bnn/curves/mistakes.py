"""What the seed repository computed where something else is right."""

import numpy as np
import pandas as pd
from scipy.special import k0

from ...readings import parameters_of
from ..bessel import log_bessel_k
from ..comparison import js_divergence
from ..prior import log_prior
from . import classifier

SCRIPT_SCALE = 0.0945
"""κ of the script's prior: 1/100² times the norm, 945, of all test images together."""

SCRIPT_GRID = np.linspace(0, 1, 784)
"""|h| at which the script evaluates its prior."""

COMPARED = slice(1, 10)
"""Of the grid and of the units of a network: the nine values that the script compares."""

PUBLISHED_DISTANCE = 0.318
"""Of the repository's notebook."""


def script_prior(h) -> np.ndarray:
    """K₀(h/κ) without its prefactor, as in the repository's prior.png."""
    return k0(np.asarray(h, float) / SCRIPT_SCALE)


def halved_argument_density(h, width: int, kappa: float) -> np.ndarray:
    """The README's density of one output behind one hidden layer, with K(|h|/2κ) in place of K(|h|/κ)."""
    r, order = np.asarray(h, float) / kappa, (width - 1) / 2
    exponent = log_bessel_k(order, r / 2) - log_bessel_k(order, r)
    return np.exp(log_prior(h, [width], 1, kappa) + exponent)


def script_distances(table: pd.DataFrame) -> pd.Series:
    """What the script calls a distance, for each trained network.

    Of nine values of its prior on a grid and nine components of the preactivations with transposed matrices: two
    unrelated vectors, each divided by its sum.
    """
    last, exact = classifier.kept_epochs(table)[-1], script_prior(SCRIPT_GRID[COMPARED])
    distances = {}
    for seed in sorted(table["seed"].dropna().unique()):
        components = np.abs(classifier.components(table, last, "transposed", seed=seed)[COMPARED])
        distances[int(seed)] = js_divergence(exact / exact.sum(), components / components.sum()) ** 0.5
    return pd.Series(distances)


def network_width(table: pd.DataFrame) -> int:
    """Units of the layer whose preactivations are shown."""
    return int(parameters_of(table)["width"])
