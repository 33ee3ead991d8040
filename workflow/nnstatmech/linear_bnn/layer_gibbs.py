"""Gibbs sampling of all weights of a deep linear network, one layer after the other: exact, and without tuning.

Given all other layers a layer's weights W enter f = A W H linearly, so that their posterior is Gaussian: to a prior
draw W₀ is added s² Aᵀ (s² AAᵀ ⊗ HᵀH + 1/β)⁻¹ (Y - A W₀ H - ε/√β) Hᵀ, ε ~ N(0, 1), in the eigenbases of AAᵀ and HᵀH. It
shares nothing with the posterior over Gram matrices but the model.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .domain import finite, weight_scales, whole_widths
from .gram_posterior import product


def draw_grams(
    images,
    targets,
    hidden_widths: Sequence[int],
    sigmas: Sequence[float],
    beta: float,
    generator: np.random.Generator,
    *,
    chains: int = 32,
) -> Iterator[np.ndarray]:
    """Gram matrices G = A Aᵀ, A = W_d ... W_2, of networks sampled from their posterior: (chains, K, K), endlessly.

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
    y = (left.T @ targets).T
    widths = (len(lengths), *whole_widths("hidden widths", hidden_widths), targets.shape[1])
    scales = weight_scales(sigmas, hidden_widths)
    weights = [
        scale * generator.standard_normal((chains, after, before))
        for scale, before, after in zip(scales, widths[:-1], widths[1:], strict=True)
    ]
    while True:
        for layer, scale in enumerate(scales):
            weights[layer] = redrawn(weights, layer, scale, lengths, y, beta, generator)
        upper = product(weights[:0:-1])
        yield upper @ upper.mT


def redrawn(
    weights: Sequence[np.ndarray],
    layer: int,
    scale: float,
    lengths: np.ndarray,
    y: np.ndarray,
    beta: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """One layer drawn from its posterior given the others, shape (chains, outputs, inputs)."""
    below = product(weights[layer - 1 :: -1]) * lengths if layer else np.diag(lengths)[None]
    start = scale * generator.standard_normal(weights[layer].shape)
    if layer + 1 == len(weights):
        return last_layer(start, below, scale, y, beta, generator)
    rotation, gain, right = np.linalg.svd(product(weights[:layer:-1]), full_matrices=False)
    # What comes in below the first layer is diagonal.
    basis, signal = eigenaxes(below) if layer else (np.eye(len(lengths))[None], lengths[None])
    gain, signal = gain[:, :, None], signal[:, None, :]
    # A W₀ H and the noise in the two eigenbases, where the matrix to invert is diagonal; Y comes with a factor of H.
    fitted = gain * (right @ start @ basis) * signal
    noise = generator.standard_normal(fitted.shape) / np.sqrt(beta)
    rest = rotation.mT @ (y @ below.mT @ basis) - signal * (fitted + noise)
    move = gain * rest / (scale**2 * gain**2 * signal**2 + 1 / beta)
    return start + scale**2 * right.mT @ (move @ basis.mT)


def last_layer(
    start: np.ndarray, below: np.ndarray, scale: float, y: np.ndarray, beta: float, generator: np.random.Generator
) -> np.ndarray:
    """The layer that nothing follows, for which A = 1: one matrix to invert for all outputs, HᵀH or H Hᵀ."""
    _, units, images = below.shape
    noise = generator.standard_normal((len(start), len(y), images)) / np.sqrt(beta)
    rest = y - start @ below - noise
    if units > images:
        kernel = scale**2 * below.mT @ below + np.eye(images) / beta
        move = np.linalg.solve(kernel, rest.mT).mT @ below.mT
    else:
        kernel = scale**2 * below @ below.mT + np.eye(units) / beta
        move = np.linalg.solve(kernel, below @ rest.mT).mT
    return start + scale**2 * move


def eigenaxes(below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors of H (chains, units, images) as columns, and singular values, at most as many as images."""
    _, units, images = below.shape
    if units > images:
        return np.linalg.svd(below, full_matrices=False)[:2]
    # A third of the time of a singular value decomposition; what it loses is below 1e-8 of the largest value.
    squares, basis = np.linalg.eigh(below @ below.mT)
    return basis, np.sqrt(np.maximum(squares, 0))
