"""A real weight W with natural parameters (H, G): density ∝ e^{HW − GW²/2}, mean H/G, variance 1/G."""

import math

from torch import Tensor


def log_partition(H: Tensor, G: Tensor) -> Tensor:
    """ψ(H, G) = H²/2G + ½ log(2π/G)."""
    return H * H / (2 * G) + 0.5 * math.log(2 * math.pi) - 0.5 * G.log()


def moments(H: Tensor, G: Tensor) -> tuple[Tensor, Tensor]:
    """Mean H/G and variance 1/G; the second derivative of ψ with respect to H is the variance."""
    return H / G, 1 / G
