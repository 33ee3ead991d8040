"""The linear activation x = z, z ~ N(ω, V), seen by e^{Bx − Ax²/2}."""

from torch import Tensor


def log_partition(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """φ(A, B, ω, V) = log ∫ N(z; ω, V) e^{Bz − Az²/2} dz."""
    gain = 1 + A * variance
    return (B * B * variance + 2 * B * omega - A * omega * omega) / (2 * gain) - 0.5 * gain.log()


def moments(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x."""
    gain = 1 + A * variance
    return (B * variance + omega) / gain, variance / gain


def score_and_curvature(A: Tensor, B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """g = (B − Aω)/(1 + AV) and Γ = A/(1 + AV)."""
    gain = 1 + A * variance
    return (B - A * omega) / gain, A / gain
