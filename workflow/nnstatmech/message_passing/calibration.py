"""Whether probabilities mean what they say: slope, likelihood, reliability and what is out of distribution.

Probabilities are of the label +1; labels are ±1.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, logit

from ..ranking import area_under_curve

Array = NDArray[np.float64]
BINS = 15
CLIP = 1e-9  # probabilities are kept so far from 0 and 1
STEEPEST = 20.0


def log_odds(probability: Array) -> Array:
    """log p/(1 − p), clipped."""
    return logit(np.clip(probability, CLIP, 1 - CLIP))


def negative_log_likelihood(probability: Array, labels: Array, slope: float = 1.0) -> float:
    """Mean −log p of the labels, where p^a/(p^a + (1 − p)^a) replaces p."""
    return float(-log_expit(slope * labels * log_odds(probability)).mean())


def slope(probability: Array, labels: Array) -> float:
    """The exponent a of p^a with the largest likelihood: 1 is calibrated, below 1 over-confident."""
    found = minimize_scalar(
        lambda a: negative_log_likelihood(probability, labels, a), bounds=(0.0, STEEPEST), method="bounded"
    )
    return float(found.x)


def calibration_error(probability: Array, labels: Array) -> float:
    """Mean distance of confidence from accuracy over bins of equally many predictions."""
    confidence = np.maximum(probability, 1 - probability)
    right = (np.where(probability > 0.5, 1, -1) == labels).astype(float)
    order = np.argsort(confidence, kind="stable")
    gaps = [abs(confidence[part].sum() - right[part].sum()) for part in np.array_split(order, BINS)]
    return float(sum(gaps) / len(labels))


def error_floor(probability: Array, generator: np.random.Generator, draws: int = 20) -> float:
    """What :func:`calibration_error` is for labels that are drawn from the probabilities themselves."""
    drawn = [np.where(generator.random(len(probability)) < probability, 1, -1) for _ in range(draws)]
    return float(np.mean([calibration_error(probability, labels) for labels in drawn]))


def detection(inside: Array, outside: Array) -> float:
    """Probability that a known kind of image is predicted with more confidence than an unknown one (the AUROC)."""
    confidence = [np.maximum(p, 1 - p) for p in (inside, outside)]
    known = np.repeat([True, False], [len(inside), len(outside)])
    return area_under_curve(np.concatenate(confidence), known)


def reliability(probability: Array, labels: Array) -> tuple[Array, Array]:
    """Mean confidence and accuracy in each of the bins of :func:`calibration_error`."""
    confidence = np.maximum(probability, 1 - probability)
    right = (np.where(probability > 0.5, 1, -1) == labels).astype(float)
    parts = np.array_split(np.argsort(confidence, kind="stable"), BINS)
    return np.array([confidence[part].mean() for part in parts]), np.array([right[part].mean() for part in parts])
