"""Mean-field theory of wide random networks: length and correlation maps, their fixed points and depth scales.

A layer is x' = φ(Wx + b) with W_ij ~ N(0, σ_w²/N) and b_i ~ N(0, σ_b²). As N → ∞ its pre-activations h are
Gaussian, and two inputs are followed by their lengths q = E h² and their correlation c = E h¹h² / q:

    q' = σ_w² E φ(√q z)² + σ_b²,      c' = (σ_w² E φ(u₁) φ(u₂) + σ_b²) / q*   with Cov(u₁, u₂) = c q*.

Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos";
Schoenholz et al. (2017), "Deep information propagation".

Depth scales diverge at criticality, where rates approach 1. What is computed is therefore never a rate but its distance
from 1, in such a way that it is right up to the rounding of 1.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from .activations import TANH, Activation
from .kernels import ConeKernel, Kernel
from .quadrature import check_distance, gaussian_mean, gaussian_product_mean

EPSILON = float(np.finfo(float).eps)
# Lengths smaller than the first are not searched for a fixed one, and those beyond the second count as divergent.
SMALLEST_LENGTH, LARGEST_LENGTH = 1e-24, 1e20
# Where the search for a critical length begins if there are no biases.
SMALLEST_CRITICAL = 1e-6
# Searches for fixed points enlarge lengths by this factor at most.
STRIDE = 4.0
# Relative accuracy of roots: that of double precision.
ROOT = {"xtol": 1e-300, "rtol": 4 * EPSILON}


def depth_scale(gap: float) -> float:
    """Layers in which a perturbation that is multiplied by 1 - ``gap`` in each changes e-fold; negative if it grows.

    Examples
    --------
    >>> depth_scale(0.0), depth_scale(1.0), depth_scale(1e-20)
    (inf, 0.0, 1e+20)
    """
    if gap == 0:
        return np.inf
    if gap == 1:
        return 0.0
    return float(-1 / (np.log1p(-gap) if gap < 1 else np.log(gap - 1)))


@dataclass(frozen=True)
class MeanField:
    """An ensemble of wide random networks.

    Parameters
    ----------
    weight_variance, bias_variance
        σ_w² and σ_b², finite and non-negative.
    activation
        φ; default tanh.

    Raises
    ------
    ValueError
        For variances out of range; from the attributes that have no value where lengths diverge (see there), or that
        cannot be computed to full accuracy.

    Examples
    --------
    >>> from nnstatmech.theory.activations import RELU
    >>> round(MeanField(1.0, 0.05).correlation_depth, 3)
    3.627
    >>> he = MeanField(2.0, 0.0, RELU)
    >>> he.susceptibility, he.correlation_depth, he.length_depth
    (1.0, inf, inf)
    """

    weight_variance: float
    bias_variance: float
    activation: Activation = TANH

    def __post_init__(self):
        if not (0 <= self.weight_variance < np.inf and 0 <= self.bias_variance < np.inf):
            raise ValueError(
                f"variances are finite and not negative, unlike {self.weight_variance} (weights) or "
                f"{self.bias_variance} (biases)"
            )

    @cached_property
    def cone(self) -> ConeKernel | None:
        """The kernel in closed form, if φ is homogeneous of degree 1."""
        return ConeKernel(*self.activation.slopes_at_zero) if self.activation.degree == 1 else None

    @cached_property
    def cone_gap(self) -> float:
        """1 - σ_w² E φ'² of a homogeneous φ of degree 1: lengths and small differences shrink by it in each layer."""
        if self.cone is None:
            raise ValueError(f"{self.activation.name} activations are not homogeneous of degree 1")
        gap = 1 - self.weight_variance * self.cone.square
        # For a critical σ_w² it is 0 up to rounding.
        return 0.0 if abs(gap) <= 2 * EPSILON else gap

    def length_map(self, length: float) -> float:
        """Variance of the next layer's pre-activations."""
        if self.cone:
            mean = length * self.cone.square
        else:
            mean = gaussian_mean(lambda h: self.activation.value(h) ** 2, length, self.activation.kinks)
        return float(self.weight_variance * mean + self.bias_variance)

    def covariance_map(self, length1: float, length2: float, correlation: float) -> float:
        """Covariance of the next layer's pre-activations of two inputs."""
        check_distance(1 - correlation)
        if self.cone:
            mean = np.sqrt(length1 * length2) * self.cone.product(correlation)
        elif length1 == length2 > 0:
            mean = Kernel(self.activation, length1).product(correlation)
        else:
            mean = gaussian_product_mean(self.activation.value, length1, length2, correlation, self.activation.kinks)
        return float(self.weight_variance * mean + self.bias_variance)

    def trajectory(self, length: float, correlation: float, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Lengths and correlations of two equally long inputs in ``depth`` layers, each of shape (depth,).

        ``length`` and ``correlation`` are those of the first layer's pre-activations and head the result.
        """
        lengths, correlations = np.empty(depth), np.empty(depth)
        for layer in range(depth):
            lengths[layer], correlations[layer] = length, correlation
            covariance = self.covariance_map(length, length, correlation)
            length = self.length_map(length)
            if np.isinf(length):
                raise ValueError(f"lengths leave the range of floating-point numbers after {layer + 1} layers")
            correlation = float(np.clip(covariance / length, -1, 1)) if length > 0 else 1.0
        return lengths, correlations

    @cached_property
    def fixed_length(self) -> float:
        """q*: the variance of the pre-activations of a deep layer.

        If several attract, the one that short inputs reach. 0 if lengths vanish, inf if they diverge, and 1 if every
        length is kept, as at He's point (ReLU, σ_w² = 2, σ_b² = 0): nothing but the unit then depends on it.
        """
        if self.cone:
            if self.cone_gap > 0:
                return self.bias_variance / self.cone_gap
            return 1.0 if self.cone_gap == self.bias_variance == 0 else np.inf
        length = self.length_map(0.0)
        if length == 0:
            if self.susceptibility_at_zero <= 1:
                return 0.0
            # For steps of order 1 in φ, q* is of the order of the distance from criticality.
            length = 1e-6 * min(self.susceptibility_at_zero - 1, 1.0)
            while self.length_gain(length) <= 0:
                length /= 1e3
                if length < SMALLEST_LENGTH:
                    return 0.0
        return self.fixed_length_above(length)

    def length_gain(self, length: float) -> float:
        return self.length_map(length) - length

    def fixed_length_above(self, length: float) -> float:
        """The first fixed length beyond ``length``, to which lengths grow from there or from 0."""

        below = EPSILON * length
        while length < LARGEST_LENGTH:
            gained = self.length_gain(length)
            if np.isinf(gained):
                return np.inf
            if gained <= 0:
                return float(brentq(self.length_gain, below, length, **ROOT))
            # Newton's step from below stops short of a convex map's first fixed point and jumps beyond a concave map's.
            gap = 1 - self.weight_variance * Kernel(self.activation, length).growth
            step = gained / gap if gap > 0 else np.inf
            if step <= EPSILON * length:
                return length
            below, length = length, min(length + step, STRIDE * length)
        return np.inf

    @cached_property
    def susceptibility_at_zero(self) -> float:
        """χ₁ of networks whose lengths vanish."""
        below, above = self.activation.slopes_at_zero
        return self.weight_variance * (below**2 + above**2) / 2

    @cached_property
    def kernel(self) -> ConeKernel | Kernel:
        """The kernel of deep layers, at their length or, if that is 0 or infinite, in the limit, at length 1.

        Raises
        ------
        ValueError
            If the limit does not exist, or is not known from the slope at 0 or from homogeneity.
        """
        if self.cone:
            return self.cone
        if 0 < self.fixed_length < np.inf:
            return Kernel(self.activation, self.fixed_length)
        if self.activation.degree is not None:
            return Kernel(self.activation, 1.0)
        if self.fixed_length == 0 and any(self.activation.slopes_at_zero):
            return ConeKernel(*self.activation.slopes_at_zero)
        fate = "vanish" if self.fixed_length == 0 else "diverge"
        raise ValueError(
            f"lengths {fate} at weight variance {self.weight_variance} and bias variance {self.bias_variance}: the "
            f"correlation map has no known limit, as {self.activation.name} activations declare no homogeneity"
        )

    @cached_property
    def gain_and_offset(self) -> tuple[float, float]:
        """Factor of E φφ and offset that give the next layer's correlation."""
        if 0 < self.fixed_length < np.inf:
            length = 1.0 if self.cone else self.fixed_length
            return self.weight_variance / length, self.bias_variance / self.fixed_length
        return 1 / self.kernel.square, 0.0

    def correlation_map(self, correlation: float) -> float:
        """Correlation in the next layer of two inputs of length q*; where lengths vanish or diverge, its limit."""
        check_distance(1 - correlation)
        gain, offset = self.gain_and_offset
        return float(np.clip(gain * self.kernel.product(correlation) + offset, -1, 1))

    def correlation_slope(self, correlation: float) -> float:
        """χ_c = σ_w² E φ'(u₁) φ'(u₂): slope of the correlation map if lengths neither vanish nor diverge."""
        check_distance(1 - correlation)
        return self.weight_variance * self.kernel.slope_product(correlation)

    @cached_property
    def susceptibility(self) -> float:
        """χ₁ = σ_w² E φ'²: growth per layer of small differences and of squared gradients.

        Below 1 the network is ordered, above 1 chaotic. Where lengths diverge it is that of the limit, for homogeneous
        φ; a ValueError for others.
        """
        if self.fixed_length == 0:
            return self.susceptibility_at_zero
        if np.isinf(self.fixed_length) and not self.cone:
            limit = self.weight_variance * self.kernel.slope_square
            degree = self.activation.degree
            return limit * np.inf if degree is not None and degree > 1 else limit
        return self.weight_variance * self.kernel.slope_square

    @cached_property
    def correlation_fixed_point(self) -> "CorrelationFixedPoint":
        """c* with its distance from 1 and the slope of the correlation map there."""
        if self.fixed_length == 0:
            return CorrelationFixedPoint(1.0, 0.0, max(1 - self.susceptibility, 0.0))
        if isinstance(self.kernel, ConeKernel):
            # The slope of the limit that diverging lengths approach is 1 at c* = 1.
            return CorrelationFixedPoint(1.0, 0.0, max(self.cone_gap, 0.0))
        return correlation_fixed_point(self.kernel, *self.gain_and_offset)

    @property
    def fixed_distance(self) -> float:
        """1 - c*, accurate also where c* is close to 1."""
        return self.correlation_fixed_point.distance

    @property
    def fixed_correlation(self) -> float:
        """c*: correlation of two different inputs in a deep layer.

        1 in the ordered phase; also where lengths vanish and where every correlation is kept (linear activations), the
        limit of small biases. Where lengths diverge it is that of the limit, for homogeneous φ; a ValueError for
        others.
        """
        return self.correlation_fixed_point.correlation

    @property
    def correlation_depth(self) -> float:
        """ξ_c = -1/ln χ_{c*}: depth scale on which correlations approach c*.

        Where lengths vanish it is the one on which differences between inputs do, -1/ln χ₁. Where lengths diverge and
        φ is homogeneous it is that of the correlation map's limit (inf for ReLU: a power of the depth).
        """
        return depth_scale(self.correlation_fixed_point.gap)

    @cached_property
    def length_depth(self) -> float:
        """ξ_q = -1/ln(χ₁ + σ_w² E φ''φ): depth scale on which lengths approach q*; negative where they diverge."""
        if self.fixed_length == 0:
            return depth_scale(1 - self.susceptibility)
        if self.fixed_length == np.inf and self.activation.degree != 1:
            raise ValueError(f"lengths diverge at weight variance {self.weight_variance}: they approach no value")
        return depth_scale(self.cone_gap if self.cone else 1 - self.weight_variance * self.kernel.growth)

    @cached_property
    def gradient_depth(self) -> float:
        """-1/ln χ₁: depth scale on which squared gradients decay; negative where they grow."""
        return depth_scale(1 - self.susceptibility)


class CorrelationFixedPoint(NamedTuple):
    """Where correlations end: c*, 1 - c*, and by how much the slope of the correlation map falls short of 1 there."""

    correlation: float
    distance: float
    gap: float


def correlation_fixed_point(kernel: Kernel, gain: float, offset: float) -> CorrelationFixedPoint:
    """The attracting fixed point of the map c' = ``gain`` E φφ + ``offset``.

    The map is a power series with non-negative coefficients, therefore convex on [0, 1], and 1 is a fixed point. With a
    slope of at most 1 there, it is the only one; else there is exactly one other, and it attracts.
    """
    slope_gain = gain * kernel.length
    excess = slope_gain * kernel.slope_square - 1
    if offset == 0 and kernel.mean**2 <= (4 * EPSILON) ** 2 * kernel.square:
        # The map of an odd φ without biases has no constant term: 0 is fixed, and attracts unless φ is linear.
        return CorrelationFixedPoint(0.0, 1.0, slope_gain * kernel.nonlinearity)
    if excess <= 0:
        return CorrelationFixedPoint(1.0, 0.0, -excess)
    if gain * kernel.product(0.5) + offset < 0.5:
        correlation, step = 0.0, 1.0
        while step > 4 * EPSILON * correlation:
            # Newton's steps from below never pass a convex map's fixed point.
            gap = 1 - slope_gain * kernel.slope_product(correlation)
            step = (gain * kernel.product(correlation) + offset - correlation) / gap
            correlation += step
        return CorrelationFixedPoint(correlation, 1 - correlation, gap)

    # (1 - c') / (1 - c) = 1 at the fixed point. It is χ₁ less the mean loss of slope between c and 1.
    def excess_of_loss(logarithm: float) -> float:
        return float(np.log(slope_gain * kernel.mean_slope_loss(np.exp(logarithm)) / excess))

    low = high = np.log(0.75)
    while (found := excess_of_loss(low)) > 0:
        # The loss is proportional to the distance for smooth φ, to its root for kinks.
        low, high = low - found - np.log(2), low
    logarithm = brentq(excess_of_loss, low, high, **ROOT)
    distance = float(np.exp(logarithm))
    gap = slope_gain * kernel.slope_loss(distance) - excess
    return CorrelationFixedPoint(1 - distance, distance, max(gap, 0.0))


def critical_weight_variance(bias_variance: float, activation: Activation = TANH) -> float:
    """The σ_w² at which χ₁ = 1: the edge of chaos at the given σ_b².

    Raises
    ------
    ValueError
        If there is none, because χ₁ stays below 1 or is infinite, or because lengths begin to diverge, or jump, before.

    Examples
    --------
    >>> round(critical_weight_variance(0.05), 6), round(critical_weight_variance(2e-5), 6)
    (1.760955, 1.049912)
    """
    MeanField(0.0, bias_variance, activation)
    where = f"at bias variance {bias_variance} with {activation.name} activations"
    none = ValueError(f"no weight variance is critical {where}: χ₁ stays below 1")
    below, above = activation.slopes_at_zero
    at_zero = (below**2 + above**2) / 2
    vanishing = bias_variance == 0 and activation.value(np.zeros(1))[0] == 0
    if activation.degree == 1 or vanishing:
        if at_zero == 0:
            raise none
        if np.isinf(at_zero):
            raise ValueError(f"no weight variance is critical {where}: χ₁ is infinite")
        return 1 / at_zero

    def weight_variance(kernel):
        return (kernel.length - bias_variance) / kernel.square

    # Every length belongs to one σ_w²: along the line of fixed lengths nothing has to be solved but χ₁ = 1.
    def excess(length):
        kernel = Kernel(activation, length)
        return weight_variance(kernel) * kernel.slope_square - 1

    lower = max(bias_variance, SMALLEST_CRITICAL)
    upper = 1.5 * lower
    while excess(upper) < 0:
        lower, upper = upper, 1.5 * upper
        if upper > LARGEST_LENGTH:
            raise none
    kernel = Kernel(activation, brentq(excess, lower, upper, **ROOT))
    if weight_variance(kernel) * kernel.growth > 1:
        raise ValueError(f"no weight variance is critical {where}: lengths jump or diverge before χ₁ reaches 1")
    return float(weight_variance(kernel))
