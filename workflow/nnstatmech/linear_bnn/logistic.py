"""The logistic law by which accuracy rises with the number of paths."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit
from scipy.special import expit


@dataclass(frozen=True)
class Logistic:
    """A(K) = A₀ + (A_∞ - A₀) / (1 + exp(-β (K - K₀)))."""

    floor: float
    plateau: float
    midpoint: float
    steepness: float

    def __call__(self, paths: np.ndarray) -> np.ndarray:
        return self.floor + (self.plateau - self.floor) * expit(self.steepness * (np.asarray(paths) - self.midpoint))


def fit_logistic(paths: np.ndarray, accuracy: np.ndarray) -> Logistic:
    """Least-squares fit of :class:`Logistic` to accuracies at numbers of paths K.

    Raises
    ------
    RuntimeError
        If the fit does not converge.
    """

    def law(k, floor, plateau, midpoint, steepness):
        return Logistic(floor, plateau, midpoint, steepness)(k)

    half = (accuracy.min() + accuracy.max()) / 2
    start = (accuracy.min(), accuracy.max(), paths[np.argmax(accuracy >= half)], 0.3)
    bounds = ([0, 0, paths.min(), 0.01], [1, 1, paths.max(), 10])
    found, _ = curve_fit(law, paths, accuracy, p0=start, bounds=bounds)
    return Logistic(*map(float, found))
