"""Mean-field theory of wide random networks: length and correlation maps, their fixed points and depth scales.

A layer is x' = φ(Wx + b) with W_ij ~ N(0, σ_w²/N) and b_i ~ N(0, σ_b²). As N → ∞ its pre-activations h are
Gaussian, and two inputs are followed by their lengths q = E h² and their correlation c = E h¹h² / q:

    q' = σ_w² E φ(√q z)² + σ_b²,      c' = (σ_w² E φ(u₁) φ(u₂) + σ_b²) / q*   with Cov(u₁, u₂) = c q*.

Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos";
Schoenholz et al. (2017), "Deep information propagation". Expectations are Gauss-Hermite sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.optimize import brentq

NODES = 151
# Lengths below the first are zero, beyond the second they diverge; correlations closer to 1 than the third are 1.
SMALLEST_LENGTH, LARGEST_LENGTH, CLOSEST_CORRELATION = 1e-12, 1e12, 1e-9


@dataclass(frozen=True)
class Activation:
    """A pointwise non-linearity with its first two derivatives (each maps arrays to arrays)."""

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    curvature: Callable[[np.ndarray], np.ndarray]


def _tanh_slope(h):
    return 1 - np.tanh(h) ** 2


def _tanh_curvature(h):
    return -2 * np.tanh(h) * _tanh_slope(h)


def _step(h):
    return np.heaviside(h, 0.5)


def _relu(h):
    return np.maximum(h, 0)


TANH = Activation("tanh", np.tanh, _tanh_slope, _tanh_curvature)
LINEAR = Activation("linear", np.asarray, np.ones_like, np.zeros_like)
# E φ''φ vanishes: φ'' is a point mass where φ = 0.
RELU = Activation("relu", _relu, _step, np.zeros_like)


@cache
def _gauss_hermite() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the standard normal expectation."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()


def gaussian_mean(function: Callable[[np.ndarray], np.ndarray], variance: float) -> float:
    """E f(u) for u ~ N(0, ``variance``)."""
    nodes, weights = _gauss_hermite()
    return float(weights @ function(np.sqrt(variance) * nodes))


def gaussian_product_mean(
    function: Callable[[np.ndarray], np.ndarray], variance1: float, variance2: float, correlation: float
) -> float:
    """E f(u₁) f(u₂) for jointly Gaussian u₁, u₂ of the given variances and correlation."""
    nodes, weights = _gauss_hermite()
    first = function(np.sqrt(variance1) * nodes)
    mixed = correlation * nodes[:, None] + np.sqrt(max(1 - correlation**2, 0)) * nodes
    return float((weights * first) @ function(np.sqrt(variance2) * mixed) @ weights)


def _depth_scale(rate: float) -> float:
    """Layers after which a perturbation multiplied by ``rate`` in each has changed e-fold; negative if it grows."""
    if rate <= 0:
        return 0.0
    return np.inf if rate == 1 else -1 / np.log(rate)


@dataclass(frozen=True)
class MeanField:
    """An ensemble of wide random networks.

    Parameters
    ----------
    weight_variance, bias_variance
        σ_w² and σ_b², non-negative.
    activation
        φ; default tanh.

    Attributes
    ----------
    fixed_length
        q*: variance of the pre-activations of a deep layer (inf if lengths diverge).
    susceptibility
        χ₁ = σ_w² E φ'²: growth per layer of small differences and of squared gradients. Below 1 the network is
        ordered, above 1 chaotic.
    fixed_correlation
        c*: correlation of two different inputs in a deep layer; 1 in the ordered phase.
    correlation_depth
        ξ_c = -1/ln χ_{c*}: depth scale on which correlations approach c*.
    length_depth
        ξ_q = -1/ln(χ₁ + σ_w² E φ''φ): depth scale on which lengths approach q*.
    gradient_depth
        -1/ln χ₁: depth scale on which squared gradients decay; negative where they grow.
    """

    weight_variance: float
    bias_variance: float
    activation: Activation = TANH

    def __post_init__(self):
        if self.weight_variance < 0 or self.bias_variance < 0:
            raise ValueError(f"variances cannot be negative: {self.weight_variance=}, {self.bias_variance=}")

    def length_map(self, length: float) -> float:
        """Variance of the next layer's pre-activations."""
        mean = gaussian_mean(lambda h: self.activation.value(h) ** 2, length)
        return self.weight_variance * mean + self.bias_variance

    def covariance_map(self, length1: float, length2: float, correlation: float) -> float:
        """Covariance of the next layer's pre-activations of two inputs."""
        mean = gaussian_product_mean(self.activation.value, length1, length2, correlation)
        return self.weight_variance * mean + self.bias_variance

    def correlation_map(self, correlation: float) -> float:
        """Correlation in the next layer of two inputs of length q*."""
        return self.covariance_map(self.fixed_length, self.fixed_length, correlation) / self.fixed_length

    def correlation_slope(self, correlation: float) -> float:
        """χ_c = σ_w² E φ'(u₁) φ'(u₂): slope of the correlation map."""
        length = self.fixed_length
        return self.weight_variance * gaussian_product_mean(self.activation.slope, length, length, correlation)

    def trajectory(self, length: float, correlation: float, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Lengths and correlations of two equally long inputs in ``depth`` layers, each of shape (depth,).

        ``length`` and ``correlation`` are those of the first layer's pre-activations and head the result.
        """
        lengths, correlations = np.empty(depth), np.empty(depth)
        for layer in range(depth):
            lengths[layer], correlations[layer] = length, correlation
            covariance = self.covariance_map(length, length, correlation)
            length = self.length_map(length)
            correlation = covariance / length if length > 0 else 1.0
        return lengths, correlations

    @cached_property
    def fixed_length(self) -> float:
        def excess(length):
            return self.length_map(length) - length

        if excess(SMALLEST_LENGTH) <= 0:
            return 0.0
        upper = 1.0
        while excess(upper) > 0:
            upper *= 2
            if upper > LARGEST_LENGTH:
                return np.inf
        return brentq(excess, SMALLEST_LENGTH, upper, xtol=1e-14, rtol=1e-13)

    @cached_property
    def susceptibility(self) -> float:
        if np.isinf(self.fixed_length):
            raise ValueError(f"lengths diverge at {self.weight_variance=} with {self.activation.name} activations")
        return self.weight_variance * gaussian_mean(lambda h: self.activation.slope(h) ** 2, self.fixed_length)

    @cached_property
    def fixed_correlation(self) -> float:
        def excess(correlation):
            return self.correlation_map(correlation) - correlation

        if self.susceptibility <= 1 or excess(1 - CLOSEST_CORRELATION) >= 0:
            return 1.0
        # Without biases an odd φ keeps uncorrelated inputs uncorrelated: 0 is the fixed point itself.
        return 0.0 if excess(0.0) <= 0 else brentq(excess, 0.0, 1 - CLOSEST_CORRELATION, xtol=1e-13)

    @cached_property
    def correlation_depth(self) -> float:
        return _depth_scale(self.correlation_slope(self.fixed_correlation))

    @cached_property
    def length_depth(self) -> float:
        curved = gaussian_mean(lambda h: self.activation.curvature(h) * self.activation.value(h), self.fixed_length)
        return _depth_scale(self.susceptibility + self.weight_variance * curved)

    @cached_property
    def gradient_depth(self) -> float:
        return _depth_scale(self.susceptibility)


def critical_weight_variance(bias_variance: float, activation: Activation = TANH) -> float:
    """The σ_w² at which χ₁ = 1: the edge of chaos at the given σ_b².

    Raises
    ------
    ValueError
        If no σ_w² between 10⁻³ and 10³ is critical.
    """

    def excess(weight_variance):
        ensemble = MeanField(weight_variance, bias_variance, activation)
        return np.inf if np.isinf(ensemble.fixed_length) else ensemble.susceptibility - 1

    lower, upper = 1e-3, 1.0
    while excess(upper) < 0:
        lower, upper = upper, 1.5 * upper
        if upper > 1e3:
            raise ValueError(f"no critical weight variance at {bias_variance=} with {activation.name} activations")
    return brentq(excess, lower, upper, xtol=1e-12)
