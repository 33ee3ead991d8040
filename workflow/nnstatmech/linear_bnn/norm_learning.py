"""Partition functions and energies of one Gaussian output at inverse temperature β, and their corrections.

The bare partition function is the density Z₀ = √(β/2π) exp(-β y²/2) of an output y. Two corrections to it were
proposed for networks of finite width: a quadratic one of strength λ,

    Z = Z₀ (1 + λ/2 + λ β² y²) / (1 + λ/2 + λ β),

which is normalised, and on top of it a quartic factor 1 + g λ³ (1 - 8 β² y² + 8 β⁴ y⁴), which is not.
Energies are E = -∂ ln Z/∂β; they are meant with or without the derivative of the normaliser, and curves that
mix the two cannot be compared. Neither correction is the 1/n expansion of a linear network: that is quartic at
first order, :func:`first_order`, and the exact finite width is :func:`log_exact`.
"""

import math

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from .domain import positive
from .kernel_scale import scale_law


def log_weight(
    beta: Tensor, y: Tensor, correction: float = 0.0, coupling: float = 0.0, *, prefactor: bool = True
) -> Tensor:
    """ln of the partition function as the notebook has it, quartic factor included.

    Parameters
    ----------
    beta, y
        Inverse temperature and output, float64, any shapes that broadcast.
    correction, coupling
        λ and g.
    prefactor
        Whether the normaliser of the quadratic correction and √(β/2π) are included.
    """
    square = (beta * y) ** 2
    result = -beta * y**2 / 2 + torch.log(1 + correction / 2 + correction * square)
    result = result + torch.log1p(coupling * correction**3 * (1 - 8 * square + 8 * square**2))
    if prefactor:
        result = result + torch.log(beta / (2 * math.pi)) / 2 - torch.log(1 + correction / 2 + correction * beta)
    return result


def log_mass(beta: Tensor, correction: float, coupling: float) -> Tensor:
    """ln of the integral over y of exp(:func:`log_weight`), from the moments 1, 3, 15 of a Gaussian."""
    strength, offset = coupling * correction**3, 1 + correction / 2
    constant = offset * (1 + strength * (1 - 8 * beta + 24 * beta**2))
    quadratic = correction * beta * (1 + strength * (1 - 24 * beta + 120 * beta**2))
    return torch.log(constant + quadratic) - torch.log(offset + correction * beta)


def log_partition(beta: Tensor, y: Tensor, correction: float = 0.0, coupling: float = 0.0) -> Tensor:
    """ln Z, a density in y for every λ and g."""
    return log_weight(beta, y, correction, coupling) - log_mass(beta, correction, coupling)


def energy(log_z, beta: float, y: np.ndarray) -> np.ndarray:
    """-∂ ln Z/∂β by automatic differentiation, for ``log_z(beta, y)`` that works point by point."""
    points = torch.as_tensor(y, dtype=torch.float64)
    inverse = torch.full_like(points, beta, requires_grad=True)
    (slope,) = torch.autograd.grad(log_z(inverse, points).sum(), inverse)
    return -slope.numpy()


def closed_energy_without_normaliser(beta: float, y: np.ndarray, correction: float) -> np.ndarray:
    """y²/2 - 4 λ β y² / (2 + λ + 2 λ β² y²): the energy without the derivative of the normaliser."""
    return y**2 / 2 - 4 * correction * beta * y**2 / (2 + correction + 2 * correction * (beta * y) ** 2)


def closed_energy(beta: float, y: np.ndarray, correction: float) -> np.ndarray:
    """The energy of the normalised quadratic correction; its mean under Z is 0."""
    normaliser = -1 / (2 * beta) + 2 * correction / (2 + correction + 2 * correction * beta)
    return closed_energy_without_normaliser(beta, y, correction) + normaliser


def log_exact(beta: float, y: np.ndarray, width: int) -> np.ndarray:
    """ln of the exact output density of a linear network of one hidden layer, of variance 1/β.

    Given the kernel scale v = χₙ²/n the output is N(0, v/β).
    """
    return logsumexp(exact_terms(beta, y, width), axis=-1)


def exact_energy(beta: float, y: np.ndarray, width: int) -> np.ndarray:
    """-∂/∂β of :func:`log_exact`: the mean of y²/2v - 1/2β over the scale v given y."""
    terms = exact_terms(beta, y, width)
    weights = np.exp(terms - logsumexp(terms, axis=-1, keepdims=True))
    inverse_scale = np.exp(-2 * scale_law([width], [1.0, width**-0.5]).t)
    return weights @ inverse_scale * np.asarray(y, float) ** 2 / 2 - 1 / (2 * beta)


def exact_terms(beta, y, width):
    positive("beta", beta)
    scale = scale_law([width], [1.0, width**-0.5])
    gaussian = np.log(beta / (2 * np.pi)) / 2 - scale.t - beta * np.asarray(y, float)[..., None] ** 2 / (2 * scale.u)
    return scale.log_weight + gaussian


def first_order(beta: float, y: np.ndarray, width: int) -> np.ndarray:
    """The density of :func:`log_exact` to first order in 1/n: Z₀ [1 + (q² - 6 q + 3) / 4n], q = β y²."""
    q = positive("beta", beta) * np.asarray(y, float) ** 2
    return np.sqrt(beta / (2 * np.pi)) * np.exp(-q / 2) * (1 + (q**2 - 6 * q + 3) / (4 * width))
