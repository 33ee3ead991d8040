"""The explained variance of ridge cascades through wide square networks, in closed form and without a fit.

In the limit of wide networks a layer keeps the directions of the images and scales all their variances alike: after
layer j those are s_k g_j, where s_k are the eigenvalues of the images' covariance and the gain g_j follows from
mean-field theory. A ridge decoder of strength λ returns the share s g / (s g + λ) of a direction's amplitude, and a
cascade the product of its decoders' shares:

    a_k(l) = Π_{j ≤ l} s_k g_j / (s_k g_j + λ),      R²(l) = Σ_k s_k (1 - (1 - a_k)²) / Σ_k s_k.

Exact where every layer is a multiple of an orthogonal matrix. Products of l random matrices of width N also spread the
variances of the directions, which the limit l/N → 0 leaves out: the law then predicts losses too deep in the network.
In the chaotic phase images do not only shrink together but are torn apart by the non-linearity, which no product of
linear decoders follows: there the law says nothing.
"""

import numpy as np
from scipy.special import expit

from ..theory.mean_field import MeanField
from .cutoffs import crossing_depth
from .image_moments import ImageMoments


def gains(field: MeanField, moments: ImageMoments, depth: int) -> np.ndarray:
    """g_1, ..., g_depth: variance over images after each layer, in units of that of the images.

    g_j = q_{j+1} (1 - c_{j+1}) / (σ_w² v₀), with the lengths q and correlations c of the *pre-activations*: those of
    layer j + 1 say what layer j puts out.
    """
    if field.weight_variance == 0:
        return np.zeros(depth)
    length = field.weight_variance * moments.mean_square + field.bias_variance
    correlation = 1 - field.weight_variance * moments.variance / length
    lengths, correlations = field.trajectory(length, correlation, depth + 1)
    return (lengths * (1 - correlations))[1:] / (field.weight_variance * moments.variance)


def explained_variances(gains: np.ndarray, variances: np.ndarray, strength: float) -> np.ndarray:
    """R² of the cascades from depth 1, ..., L.

    Parameters
    ----------
    gains
        g_j, shape (L,).
    variances
        s_k, shape (N,), of which one is positive at least.
    strength
        λ of the ridge decoders, positive.
    """
    with np.errstate(divide="ignore"):
        signals = np.log(gains)[:, None] + np.log(variances) - np.log(strength)
    kept = np.cumprod(expit(signals), axis=0)
    return (1 - (1 - kept) ** 2) @ variances / variances.sum()


def lost_depth(field: MeanField, moments: ImageMoments, strength: float, threshold: float, depth: int) -> float:
    """The depth at which R² falls below ``threshold``; NaN where it does not within ``depth`` layers."""
    explained = explained_variances(gains(field, moments, depth), moments.variances, strength)
    # The images themselves, before any layer, are explained in full.
    return float(crossing_depth(np.arange(depth + 1), np.append(1.0, explained), threshold))
