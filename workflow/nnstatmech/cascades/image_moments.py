"""Moments of a set of images, from which the law of the cutoff follows."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageMoments:
    """What the law must know of the images.

    Attributes
    ----------
    mean_square
        Mean over images and pixels of the squared pixel.
    variances
        Eigenvalues s_k of the images' covariance, one for each of the N pixels.
    """

    mean_square: float
    variances: np.ndarray

    @property
    def variance(self) -> float:
        """v₀ = Σ_k s_k / N: variance over images of a pixel, averaged over pixels."""
        return float(np.mean(self.variances))


def image_moments(images: np.ndarray) -> ImageMoments:
    """Moments of images (M, N)."""
    images = np.asarray(images, dtype=float)
    variances = np.linalg.eigvalsh(np.cov(images, rowvar=False, bias=True)).clip(min=0)
    return ImageMoments(float(np.mean(images**2)), variances[::-1])
