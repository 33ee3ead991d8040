"""What reconstructions have in common with the images: entropies, explained variance, correlation.

Reconstructions are tensors (..., T, N): T images of N pixels. All statistics are computed in float64; only
:func:`as_probabilities` keeps the float32 of the images, as the original work did.

Two statistics come twice: *as coded* in the original work, whose images are shifted to a minimum of 1e-12 and
normalised to sum 1, and in a *corrected* form that is monotone in the loss of information.
"""

import math

import torch
from torch import Tensor

SHIFT = 1e-12  # of the smallest pixel of an image as coded
FLOOR = 0.01  # added to every pixel of an image in the corrected relative entropy
# Standard deviations below this are float32 rounding of images that sum to 1: they count as this one, so that
# identical reconstructions have the entropy -19.3 and not -∞.
SMALLEST_DEVIATION = 1e-9


def as_probabilities(images: Tensor) -> Tensor:
    """Each image shifted to a minimum of 1e-12 and divided by its sum.

    Invariant under a x + b with a > 0, but for the darkest pixel.
    """
    shifted = images - images.amin(-1, keepdim=True) + SHIFT
    return shifted / shifted.sum(-1, keepdim=True)


def floored_probabilities(images: Tensor) -> Tensor:
    """Each image's positive part plus 0.01, divided by its sum."""
    positive = images.double().clamp_min(0) + FLOOR
    return positive / positive.sum(-1, keepdim=True)


def kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) in nats over the last axis."""
    p, q = p.double(), q.double()
    return (p * (p / q).log()).sum(-1)


def coded_relative_entropy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """KL(image || reconstruction) as coded in the original work, (..., T). It is not monotone in depth."""
    return kullback_leibler(as_probabilities(images), as_probabilities(reconstructions))


def relative_entropy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """KL(image || reconstruction) of positive parts with a floor, (..., T)."""
    return kullback_leibler(floored_probabilities(images), floored_probabilities(reconstructions))


def gaussian_entropy(deviations: Tensor) -> Tensor:
    """Mean over the last axis of the entropies ½ ln(2πe) + ln σ of normal variables, σ ≥ 1e-9."""
    return 0.5 * math.log(2 * math.pi * math.e) + deviations.clamp_min(SMALLEST_DEVIATION).log().mean(-1)


def differential_entropy(reconstructions: Tensor) -> Tensor:
    """Entropy per pixel of the distribution of normalised reconstructions over images, (...).

    Every pixel is taken for an independent Gaussian. The original work applied this to images that a preceding
    call had normalised in place; here they always are.
    """
    return gaussian_entropy(as_probabilities(reconstructions).double().std(-2))


def bootstrap_differential_entropy(reconstructions: Tensor, counts: Tensor) -> Tensor:
    """:func:`differential_entropy` of resampled images, (..., B).

    ``counts`` (B, T), float64, says how often each replicate holds each image.
    """
    images = as_probabilities(reconstructions).double()
    images = images - images.mean(-2, keepdim=True)
    total = counts.shape[-1]
    square_of_sum = (counts @ images).square_()
    variances = ((counts @ images.square_()) - square_of_sum / total) / (total - 1)
    return gaussian_entropy(variances.clamp_min_(0).sqrt_())


def explained_parts(images: Tensor, reconstructions: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error of each reconstruction, (..., T), and squared distance of each image from the mean image, (T,)."""
    images = images.double()
    errors = (reconstructions.double() - images).square().sum(-1)
    return errors, (images - images.mean(-2, keepdim=True)).square().sum(-1)


def explained_variance(images: Tensor, reconstructions: Tensor) -> Tensor:
    """R² = 1 - MSE / variance, (...): 0 for the mean image, 1 for the images themselves."""
    errors, spread = explained_parts(images, reconstructions)
    return 1 - errors.sum(-1) / spread.sum(-1)


def correlation(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Correlation of what distinguishes images (their differences from the mean image) before and after, (...).

    0 where all reconstructions are the same.
    """
    before, after = images.double(), reconstructions.double()
    before, after = before - before.mean(-2, keepdim=True), after - after.mean(-2, keepdim=True)
    norms = (before.square().sum((-2, -1)) * after.square().sum((-2, -1))).sqrt()
    return (before * after).sum((-2, -1)) / norms.clamp_min(torch.finfo(torch.float64).tiny)
