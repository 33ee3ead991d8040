"""Whether Markov chains have converged, and what their draws are worth.

Rank-normalised split R̂ and effective sample sizes of A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P.-C.
Bürkner, "Rank-normalization, folding, and localization: an improved R̂", Bayesian Analysis 16, 667 (2021).
"""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


def r_hat(draws) -> float:
    """The larger of the rank-normalised split R̂ of ``draws`` (chains, draws) and that of their distance to the median.

    1 where the chains agree; above 1.01 they have not converged.
    """
    halves = split(draws)
    folded = np.abs(halves - np.median(halves))
    return max(scale_reduction(normal_scores(values)) for values in (halves, folded))


def effective_samples(draws) -> float:
    """Independent draws that would tell the mean as well: bulk effective sample size of rank-normalised ``draws``."""
    return correlated_samples(normal_scores(split(draws)))


def effective_samples_of_mean(draws) -> float:
    """The same of the draws themselves, for the standard error of their mean."""
    return correlated_samples(split(draws))


def standard_error(draws) -> float:
    """Of the mean of ``draws`` (chains, draws)."""
    return float(np.std(draws, ddof=1) / np.sqrt(effective_samples_of_mean(draws)))


def split(draws) -> np.ndarray:
    """Each chain as two: its halves, the middle draw of an odd number left out."""
    draws = np.asarray(draws, float)
    half = draws.shape[1] // 2
    if half < 2:
        raise ValueError(f"{draws.shape[1]} draws a chain; at least 4 are needed")
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def normal_scores(draws: np.ndarray) -> np.ndarray:
    """Draws replaced by normal quantiles of their ranks."""
    ranks = rankdata(draws).reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def scale_reduction(draws: np.ndarray) -> float:
    """√(pooled over mean variance within the chains)."""
    length = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean()
    if within == 0:
        return 1.0
    between = length * draws.mean(axis=1).var(ddof=1)
    return float(np.sqrt((between / within + length - 1) / length))


def autocovariances(draws: np.ndarray) -> np.ndarray:
    """Of each chain about its own mean, by lag, divided by the number of draws: (chains, draws)."""
    length = draws.shape[1]
    centred = draws - draws.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * length, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :length] / length


def correlated_samples(draws: np.ndarray) -> float:
    """Effective sample size with Geyer's initial monotone sequence of pairs of autocorrelations."""
    chains, length = draws.shape
    covariances = autocovariances(draws).mean(axis=0)
    within = covariances[0] * length / (length - 1)
    pooled = within * (length - 1) / length + (draws.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    if pooled == 0:
        return float(draws.size)
    correlations = 1 - (within - covariances * length / (length - 1)) / pooled
    correlations[0] = 1.0
    pairs = correlations[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = np.append(np.flatnonzero(pairs < 0), len(pairs))[0]
    time = 2 * np.sum(np.minimum.accumulate(pairs[:positive])) - 1
    # Antithetic draws are worth more than independent ones, within a bound.
    return float(draws.size / max(time, 1 / np.log10(draws.size)))
