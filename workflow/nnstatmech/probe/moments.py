"""Moments, sensitivities, effective ranks, correlations and dead units of one block's output.

Definitions are those of :mod:`nnstatmech.moments.statistics` (Labatie 2019): expectations are over images and
positions, moments are centred feature by feature and averaged over features, noise is not centred. Tensors are
canonical: (images, features, positions …). They are divided by a power of two before anything is squared, and
logarithms are corrected, so that nothing overflows; what the float type cannot resolve is NaN, never a floor.
"""

import math

import torch
from torch import Tensor

from ..moments.statistics import column_means, covariance, effective_rank, lanczos, mean_square, signal_moments

LANCZOS_FROM = 768  # larger covariances: only the largest eigenvalue is computed
LANCZOS_STEPS = 128
IMAGES_OF_PAIRS = 64  # all pairs of so many images are compared
ROUNDING = 16  # differences below so many units in the last place are rounding
# Amplitudes below the smallest normal number have lost digits.
SMALLEST = {torch.float64: 1e-300, torch.float32: 1e-36}

Quantities = dict[str, float]
NOTHING = float("nan")


def scale_of(tensor: Tensor) -> float:
    """The power of two next to the largest element; 0 if all are below the smallest amplitude."""
    largest = float(tensor.abs().max())
    return 0.0 if largest < SMALLEST.get(tensor.dtype, 1e-36) else 2.0 ** math.floor(math.log2(largest))


def rows_of(canonical: Tensor) -> Tensor:
    """Images and positions as rows, features as columns: (1, rows, features)."""
    return canonical.movedim(1, -1).reshape(1, -1, canonical.shape[1])


def rank(rows: Tensor, means: Tensor) -> float:
    """Effective rank of features (1, rows, features): trace of the covariance over its largest eigenvalue."""
    matrix = covariance([rows], means)
    if matrix.shape[-1] < LANCZOS_FROM:
        return float(effective_rank(matrix)[0])
    return float(matrix.diagonal(dim1=-2, dim2=-1).sum() / lanczos(matrix, LANCZOS_STEPS)[0])


def log(value: float) -> float:
    return math.log(value) if value > 0 else NOTHING


def signal_quantities(signal: Tensor) -> Quantities:
    """Moments, effective rank and correlation of a signal."""
    names = ("nu1_abs_signal", "nu2_signal", "mu2_signal", "mu4_signal", "log_nu2_signal", "log_mu2_signal")
    result: Quantities = dict.fromkeys((*names, "reff_signal", "contrast", "correlation"), NOTHING)
    scale = scale_of(signal)
    if scale == 0:
        return result
    signal = signal / scale
    rows = rows_of(signal)
    means = column_means([rows])
    moments = {name: float(value[0]) for name, value in signal_moments([rows], means).items()}
    resolution = (ROUNDING * torch.finfo(signal.dtype).eps) ** 2
    resolved = moments["mu2_signal"] > resolution * moments["nu2_signal"]
    if not resolved:
        moments["mu2_signal"] = moments["mu4_signal"] = NOTHING
    for name, power in zip(names[:4], (1, 2, 2, 4), strict=True):
        result[name] = in_range(moments[name], power * math.log(scale))
    result["log_nu2_signal"] = log(moments["nu2_signal"]) + 2 * math.log(scale)
    result["log_mu2_signal"] = log(moments["mu2_signal"]) + 2 * math.log(scale)
    if resolved:
        result["reff_signal"] = rank(rows, means)
    result["contrast"] = contrast(signal)
    result["correlation"] = 1 - result["contrast"]
    return result


def in_range(value: float, log_factor: float) -> float:
    """``value`` times exp(``log_factor``), NaN where that leaves the range of a float."""
    logarithm = log(value) + log_factor
    return math.exp(logarithm) if -690 < logarithm < 709 else NOTHING


def contrast(signal: Tensor) -> float:
    """1 - c, with c the cosine between two images' activations, mean over pairs.

    Half the squared distance of unit vectors: nothing cancels where images become alike.
    """
    vectors = signal.flatten(1)
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        return NOTHING
    vectors = vectors / norms
    deviations = vectors - vectors.mean(0)
    return float(deviations.square().sum() / (len(vectors) - 1))


def similarities(signal: Tensor) -> Tensor:
    """Cosines between the activations of all pairs of the first 64 images, (pairs,); NaN where an image has none."""
    vectors = signal[:IMAGES_OF_PAIRS].flatten(1)
    vectors = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    vectors = vectors - vectors.mean(0)
    # Differences of cosines up to terms of each image: -½|a - b|², without what cancels where images become alike.
    squares = vectors.square().sum(1)
    first, second = torch.triu_indices(len(vectors), len(vectors), 1)
    return (vectors @ vectors.mT)[first, second] - (squares[first] + squares[second]) / 2


def kept_similarity(before: Tensor, after: Tensor) -> tuple[float, float]:
    """Correlation over pairs of images between their similarities in two places, and its error.

    Parameters
    ----------
    before, after
        :func:`similarities`. The error leaves out one image at a time.
    """
    images = round((1 + math.sqrt(1 + 8 * len(before))) / 2)
    if images < 4 or not bool(torch.isfinite(before).all() and torch.isfinite(after).all()):
        return NOTHING, NOTHING
    first, second = torch.triu_indices(images, images, 1)
    image = torch.arange(images)[:, None]
    kept = torch.cat([torch.ones(1, len(first), dtype=torch.bool), (first != image) & (second != image)]).to(before)
    count = kept.sum(1, keepdim=True)
    x, y = (
        (v / v.abs().max() - (kept * v / v.abs().max()).sum(1, keepdim=True) / count) * kept for v in (before, after)
    )
    correlations = (x * y).sum(1) / (x.square().sum(1) * y.square().sum(1)).sqrt()
    spread = correlations[1:].var(correction=0) * (images - 1)
    return float(correlations[0]), float(spread.sqrt())


def noise_quantities(noise: Tensor, log_scale: float) -> Quantities:
    """Mean square and effective rank of noise that was divided by exp(``log_scale``) on its way."""
    scale = scale_of(noise)
    if scale == 0:
        return {"log_mu2_noise": NOTHING, "reff_noise": NOTHING}
    rows = rows_of(noise / scale)
    mean = float(mean_square([rows])[0])
    means = column_means([rows])
    varying = bool((rows - means).square().mean() > (ROUNDING * torch.finfo(rows.dtype).eps) ** 2 * mean)
    return {
        "log_mu2_noise": log(mean) + 2 * (math.log(scale) + log_scale),
        "reff_noise": rank(rows, means) if varying else NOTHING,
    }


def dead_units(activations: list[Tensor], precision: torch.dtype) -> tuple[int, int]:
    """How many units are constant over all images and positions to the resolution of ``precision``, and of how many."""
    dead = count = 0
    for canonical in activations:
        rows = rows_of(canonical)[0]
        spread = rows.amax(0) - rows.amin(0)
        dead += int((spread <= torch.finfo(precision).eps * rows.abs().amax(0)).sum())
        count += rows.shape[1]
    return dead, count
