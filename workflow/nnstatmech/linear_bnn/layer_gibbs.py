"""Gibbs sampling of all weights of a deep linear network, one layer after the other: exact, and without tuning.

Given all other layers a layer's weights W enter f = A W H linearly, so that their posterior is Gaussian: to a prior
draw W₀ is added s² Aᵀ (s² AAᵀ ⊗ HᵀH + 1/β)⁻¹ (Y - A W₀ H - ε/√β) Hᵀ, ε ~ N(0, 1), in the eigenbases of AAᵀ and HᵀH. It
shares nothing with the posterior over Gram matrices but the model.
"""

from collections.abc import Sequence

import numpy as np

from .domain import finite, weight_scales, whole_widths
from .gram_posterior import product


def sample_grams(
    images,
    targets,
    hidden_widths: Sequence[int],
    sigmas: Sequence[float],
    beta: float,
    generator: np.random.Generator,
    *,
    chains: int = 32,
    warm_up: int = 200,
    draws: int = 300,
) -> np.ndarray:
    """Gram matrices G = A Aᵀ, A = W_d ... W_2, of networks sampled from their posterior: (chains, draws, K, K).

    Parameters
    ----------
    images, targets
        X (P, N) and Y (P, K).
    hidden_widths, sigmas
        n_1..n_{d-1} and the d weight scales.
    """
    images, targets = finite("images", images), finite("targets", targets)
    # The network sees P coordinates of the images at most.
    left, lengths, _ = np.linalg.svd(images, full_matrices=False)
    inputs, y = np.diag(lengths), (left.T @ targets).T
    widths = (len(lengths), *whole_widths("hidden widths", hidden_widths), targets.shape[1])
    scales = weight_scales(sigmas, hidden_widths)
    weights = [
        scale * generator.standard_normal((chains, after, before))
        for scale, before, after in zip(scales, widths[:-1], widths[1:], strict=True)
    ]
    kept = []
    for sweep in range(warm_up + draws):
        for layer, scale in enumerate(scales):
            weights[layer] = redrawn(weights, layer, scale, inputs, y, beta, generator)
        if sweep >= warm_up:
            upper = product(weights[:0:-1])
            kept.append(upper @ upper.mT)
    return np.stack(kept, axis=1)


def redrawn(
    weights: Sequence[np.ndarray],
    layer: int,
    scale: float,
    inputs: np.ndarray,
    y: np.ndarray,
    beta: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """One layer drawn from its posterior given the others, shape (chains, outputs, inputs)."""
    chains, outputs = len(weights[0]), len(y)
    above = (
        product(weights[:layer:-1])
        if layer + 1 < len(weights)
        else np.broadcast_to(np.eye(outputs), (chains, outputs, outputs))
    )
    below = product(weights[layer - 1 :: -1]) @ inputs if layer else inputs
    rotation, gain, right = np.linalg.svd(above, full_matrices=False)
    # What comes in below the first layer is diagonal.
    axes = np.eye(len(inputs))[None]
    basis, signal, directions = (
        np.linalg.svd(below, full_matrices=False) if layer else (axes, np.diag(inputs)[None], axes)
    )
    start = scale * generator.standard_normal(weights[layer].shape)
    # A W₀ H, Y and the noise in the two eigenbases, where the matrix to invert is diagonal.
    fitted = gain[:, :, None] * (right @ start @ basis) * signal[:, None, :]
    noise = generator.standard_normal(fitted.shape) / np.sqrt(beta)
    rest = rotation.mT @ y @ directions.mT - fitted - noise
    move = rest / (scale**2 * gain[:, :, None] ** 2 * signal[:, None, :] ** 2 + 1 / beta)
    return start + scale**2 * right.mT @ (gain[:, :, None] * move * signal[:, None, :]) @ basis.mT
