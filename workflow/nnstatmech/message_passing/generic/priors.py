"""What is known beforehand of a signal or of a weight: the seed's φ⁰ (eq. 4) and ψ (eq. 7), normalised."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..channels import binary_weight, gaussian_weight


@dataclass(frozen=True)
class BinaryPrior:
    """±1 with probability ∝ e^{θw}.

    Attributes
    ----------
    field
        θ, of a shape that broadcasts to the unknowns'.
    """

    field: Tensor

    def log_partition(self, H: Tensor, G: Tensor) -> Tensor:
        """log E e^{Hw}: the precision G acts on w² = 1 and is left out."""
        return binary_weight.log_partition(self.field + H) - binary_weight.log_partition(self.field)

    def moments(self, H: Tensor, G: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance in a field H."""
        return binary_weight.mean(self.field + H), binary_weight.variance(self.field + H)

    def coupling(self, H: Tensor, G: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """The mean of Hw."""
        return H * mean

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Values of the prior."""
        up = torch.sigmoid(2 * self.field.double())
        return 2 * (torch.rand(shape, generator=generator, dtype=torch.float64) < up).double() - 1


@dataclass(frozen=True)
class GaussianPrior:
    """A Gaussian with mean θ/τ and variance 1/τ.

    Attributes
    ----------
    field, precision
        θ and τ, of shapes that broadcast to the unknowns'.
    """

    field: Tensor
    precision: Tensor

    def log_partition(self, H: Tensor, G: Tensor) -> Tensor:
        """log E e^{Hw − Gw²/2}."""
        after = gaussian_weight.log_partition(self.field + H, self.precision + G)
        return after - gaussian_weight.log_partition(self.field, self.precision)

    def moments(self, H: Tensor, G: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance in a field H with precision G."""
        return gaussian_weight.moments(self.field + H, self.precision + G)

    def coupling(self, H: Tensor, G: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """The mean of Hw − Gw²/2."""
        return H * mean - 0.5 * G * (mean * mean + variance)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Values of the prior."""
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        return self.field / self.precision + noise * self.precision.rsqrt()


Prior = BinaryPrior | GaussianPrior


def prior_of(kind: str, scale: float = 1.0) -> Prior:
    """A centred prior: ``binary`` (±1) or ``gaussian`` of standard deviation ``scale``."""
    zero = torch.zeros((), dtype=torch.float64)
    return BinaryPrior(zero) if kind == "binary" else GaussianPrior(zero, zero + scale**-2)
