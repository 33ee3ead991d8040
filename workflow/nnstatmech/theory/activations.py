"""Pointwise non-linearities of wide random networks, with what their Gaussian integrals need to know of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, expit, ndtr

# One-sided slopes at 0 are read this far from it, and smaller ones than the second, as of h², are none.
BESIDE_ZERO, SMALLEST_SLOPE = 1e-100, 1e-30


@dataclass(frozen=True)
class Activation:
    """A pointwise non-linearity φ, continuous and differentiable except at its kinks.

    Parameters
    ----------
    name
        What messages call it.
    value, slope
        φ and φ'; each maps an array of any shape to an array of that shape.
    kinks
        All points where φ' or a higher derivative jumps. Integrals are cut there; a kink that is not named makes them
        slow, or is refused as not resolved.
    degree
        k if φ is homogeneous, φ(λh) = λᵏ φ(h) for λ > 0; None if it is not.

    Raises
    ------
    ValueError
        If φ itself jumps at a kink (differences between inputs then grow without bound, χ₁ = ∞), or is not homogeneous
        of the given degree.

    Examples
    --------
    >>> hard_tanh = Activation("hard tanh", lambda h: np.clip(h, -1, 1), lambda h: 1.0 * (np.abs(h) < 1), kinks=(-1, 1))
    >>> hard_tanh.slopes_at_zero
    (1.0, 1.0)
    """

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    kinks: tuple[float, ...] = ()
    degree: float | None = None

    def __post_init__(self):
        for kink in self.kinks:
            below, above = self.value(kink + 1e-8 * max(1, abs(kink)) * np.array([-1.0, 1.0]))
            if abs(above - below) > 1e-3 * max(1, abs(above)):
                raise ValueError(f"{self.name} jumps at {kink}: the susceptibility χ₁ of such activations is infinite")
        if self.degree is not None:
            h = np.array([-1.5, 1.5])
            if not np.allclose(self.value(2 * h), 2**self.degree * self.value(h), rtol=1e-12, atol=0):
                raise ValueError(f"{self.name} activations are not homogeneous of degree {self.degree}")

    @property
    def slopes_at_zero(self) -> tuple[float, float]:
        """φ' just below and just above 0; infinite as that of a root."""
        slopes = self.slope(np.array([-BESIDE_ZERO, BESIDE_ZERO]))
        sizes = np.abs(slopes)
        below, above = np.select([sizes < SMALLEST_SLOPE, sizes > 1 / SMALLEST_SLOPE], [0, np.inf], slopes)
        return float(below), float(above)


def tanh_slope(h: np.ndarray) -> np.ndarray:
    """1 / cosh², accurate also where it is small."""
    decay = np.exp(-2 * np.abs(h))
    return 4 * decay / (1 + decay) ** 2


def silu_slope(h: np.ndarray) -> np.ndarray:
    return expit(h) * (1 + h * expit(-h))


def gelu_slope(h: np.ndarray) -> np.ndarray:
    return ndtr(h) + h * np.exp(-(h**2) / 2) / np.sqrt(2 * np.pi)


def leaky_relu(negative_slope: float) -> Activation:
    """h for positive h, ``negative_slope`` h for negative h."""
    return Activation(
        f"leaky ReLU ({negative_slope:g})",
        lambda h: np.where(h > 0, h, negative_slope * h),
        lambda h: np.where(h > 0, 1.0, negative_slope),
        kinks=(0.0,),
        degree=1,
    )


TANH = Activation("tanh", np.tanh, tanh_slope)
ERF = Activation("erf", erf, lambda h: 2 / np.sqrt(np.pi) * np.exp(-(h**2)))
RELU = Activation("ReLU", lambda h: np.maximum(h, 0), lambda h: np.heaviside(h, 0.5), kinks=(0.0,), degree=1)
LEAKY_RELU = leaky_relu(0.01)
GELU = Activation("GELU", lambda h: h * ndtr(h), gelu_slope)
SILU = Activation("SiLU", lambda h: h * expit(h), silu_slope)
LINEAR = Activation("linear", np.asarray, np.ones_like, degree=1)
