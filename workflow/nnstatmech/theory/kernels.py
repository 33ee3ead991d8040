"""What one layer makes of two equally long inputs: E φφ and E φ'φ' as functions of their correlation.

Both kernels below offer moments at correlation 1 and products at any correlation c. The numerical one also offers their
*losses*, what they fall short of their value at c = 1, as functions of the distance d = 1 - c: without cancellation, so
that d may be far smaller than the rounding of c.
"""

from functools import cached_property

import numpy as np
from numpy.polynomial import Chebyshev

from .activations import Activation
from .quadrature import (
    NODES,
    WEIGHTS,
    check_growth,
    gaussian_difference,
    gaussian_integral,
    gaussian_product_mean,
    hermite_coefficients,
)

# Numbers of Hermite polynomials, tried in turn; where the last is not enough the plane is integrated over.
EXPANSIONS = (64, 128, 256, 512)
# What an expansion may leave out, relative to E φ'²: a few roundings of the sums that tell.
LEFT_OUT = 4e-15
# Angles arccos c below which E φ² - E φφ would lose digits by cancellation, and the degree of what is used there.
CLOSE, CLOSE_DEGREE = 0.02, 19
# n d below which four terms of a series in n d are right to 10⁻¹⁵.
SERIES = 1e-3


class ConeKernel:
    """φ(h) = ``below`` h for h < 0 and ``above`` h for h > 0, at length 1: arc-cosine kernels (Cho & Saul 2009).

    Examples
    --------
    >>> round(ConeKernel(0.0, 1.0).product(0.0) * 2 * np.pi, 12)  # ReLU
    1.0
    """

    def __init__(self, below: float, above: float):
        # φ = even |h| + odd h.
        self.even, self.odd = (above - below) / 2, (above + below) / 2
        self.square = self.slope_square = self.growth = (below**2 + above**2) / 2

    def product(self, correlation: float) -> float:
        """E φ(u₁) φ(u₂)."""
        lengths = np.sqrt((1 - correlation) * (1 + correlation)) + correlation * np.arcsin(correlation)
        return float(self.odd**2 * correlation + self.even**2 * 2 / np.pi * lengths)

    def slope_product(self, correlation: float) -> float:
        """E φ'(u₁) φ'(u₂)."""
        return float(self.odd**2 + self.even**2 * 2 / np.pi * np.arcsin(correlation))


def power_less_one(distance: float, exponents: np.ndarray) -> np.ndarray:
    """(1 - d)ⁿ - 1, without cancellation."""
    if distance > 0.5:
        return (1 - distance) ** exponents - 1
    return np.expm1(exponents * np.log1p(-distance))


class HermiteExpansion:
    """Mehler's sums E φφ = Σ aₙ² cⁿ, E φ'φ' = Σ n aₙ² cⁿ⁻¹ / q, cut at ``count`` terms.

    By Parseval what the sums leave out at c = 1 is known, and at c it is smaller by c^count at least.
    """

    def __init__(self, moments: "Kernel", count: int):
        activation, length = moments.activation, moments.length
        check_growth(activation.value, length, moments.square)
        coefficients = hermite_coefficients(activation.value, length, count, moments.edges)
        self.orders = np.arange(count)
        self.values = coefficients**2
        self.slopes = self.orders[1:] * self.values[1:] / length
        self.left_value = max(moments.square - self.values.sum(), 0.0)
        self.left_slope = max(moments.slope_square - self.slopes.sum(), 0.0)
        self.length, self.slope_square = length, moments.slope_square

    def reaches(self, correlation: float) -> bool:
        left = self.left_slope * abs(correlation) ** (len(self.orders) - 1)
        return left <= LEFT_OUT * self.slope_square

    def product(self, correlation: float) -> float:
        return float(self.values @ correlation**self.orders)

    def slope_product(self, correlation: float) -> float:
        return float(self.slopes @ correlation ** self.orders[:-1])

    def loses_all(self, distance: float) -> bool:
        """Whether the terms left out vanish at this distance; if not, they are nothing anyway, or do not change."""
        return len(self.orders) * distance > 1

    def slope_loss(self, distance: float) -> float:
        lost = float(-self.slopes @ power_less_one(distance, self.orders[:-1]))
        return lost + (self.left_slope if self.loses_all(distance) else 0.0)

    def mean_slope_loss(self, distance: float) -> float:
        # The mean of 1 - c^(n-1) over distances up to d is 1 - (1 - cⁿ) / (n d), and its series where that cancels.
        n, x = self.orders[1:], self.orders[1:] * distance
        if x[-1] < SERIES:
            y, z = x - distance, x - 2 * distance
            lost = y / 2 * (1 - z / 3 * (1 - (x - 3 * distance) / 4 * (1 - (x - 4 * distance) / 5)))
            return float(self.slopes @ lost)
        lost = float(self.slopes @ (1 + power_less_one(distance, n) / x))
        left = self.left_slope - self.left_value / (self.length * distance)
        return lost + (left if self.loses_all(distance) else 0.0)


class Kernel:
    """The kernel of any activation at one length, numerically, to about 10⁻¹⁵.

    Attributes
    ----------
    square, slope_square
        E φ², E φ'².
    growth
        d E φ² / dq = E u φ φ' / q.
    mean
        E φ.

    Examples
    --------
    >>> from nnstatmech.theory.activations import ERF
    >>> kernel = Kernel(ERF, 1.0)
    >>> round(kernel.product(0.5), 12)  # 2/π arcsin(1/3)
    0.216346895939
    """

    def __init__(self, activation: Activation, length: float):
        self.activation, self.length = activation, length

        def integrands(u):
            value, slope = activation.value(u), activation.slope(u)
            return np.stack([value**2, slope**2, u * value * slope / length])

        moments, self.edges = gaussian_integral(integrands, length, activation.kinks)
        self.square, self.slope_square, self.growth = (float(moment) for moment in moments)
        self.expansions = {}

    @cached_property
    def mean(self) -> float:
        return float(gaussian_integral(self.activation.value, self.length, self.activation.kinks)[0])

    @cached_property
    def mean_slope(self) -> float:
        return float(gaussian_integral(self.activation.slope, self.length, self.activation.kinks)[0])

    @cached_property
    def nonlinearity(self) -> float:
        """E (φ - u E φ')² / q: what distinguishes φ from its best linear map."""
        value, slope = self.activation.value, self.mean_slope
        integral, _ = gaussian_integral(
            lambda u: (value(u) - slope * u) ** 2, self.length, self.activation.kinks, self.square
        )
        return float(integral) / self.length

    def expansion(self, correlation: float) -> HermiteExpansion | None:
        """The shortest expansion that reaches the correlation, if any does."""
        for count in EXPANSIONS:
            if count not in self.expansions:
                self.expansions[count] = HermiteExpansion(self, count)
            if self.expansions[count].reaches(correlation):
                return self.expansions[count]
        return None

    def product(self, correlation: float) -> float:
        """E φ(u₁) φ(u₂)."""
        if expansion := self.expansion(correlation):
            return expansion.product(correlation)
        return gaussian_product_mean(
            self.activation.value, self.length, self.length, correlation, self.activation.kinks
        )

    def slope_product(self, correlation: float) -> float:
        """E φ'(u₁) φ'(u₂)."""
        if expansion := self.expansion(correlation):
            return expansion.slope_product(correlation)
        return gaussian_product_mean(
            self.activation.slope, self.length, self.length, correlation, self.activation.kinks
        )

    def slope_loss(self, distance: float) -> float:
        """E φ'² - E φ'(u₁) φ'(u₂)."""
        if expansion := self.expansion(1 - distance):
            return expansion.slope_loss(distance)
        return gaussian_difference(self.activation.slope, self.length, distance, self.activation.kinks)

    def mean_slope_loss(self, distance: float) -> float:
        """The mean of the slope loss over all distances up to the given one: E φ'² - (E φ² - E φφ) / (q d)."""
        if expansion := self.expansion(1 - distance):
            return expansion.mean_slope_loss(distance)
        angle = 2 * np.arcsin(np.sqrt(distance / 2))
        losses = self.close_losses
        if angle > losses.domain[1]:
            lost = gaussian_difference(self.activation.value, self.length, distance, self.activation.kinks)
            return self.slope_square - lost / (self.length * distance)
        angles = angle / 2 * (1 + NODES)
        return float(angle / 2 * WEIGHTS @ (angles * losses(angles) * np.sin(angles)) / distance)

    @cached_property
    def close_losses(self) -> Chebyshev:
        """The slope loss over the angle arccos c, at small angles a polynomial: also kinks lose in proportion to it."""

        def relative_losses(angles):
            return np.array([self.slope_loss(2 * np.sin(angle / 2) ** 2) / angle for angle in angles])

        angle = CLOSE
        while angle > 0:
            series = Chebyshev.interpolate(relative_losses, CLOSE_DEGREE, [0, angle])
            if np.abs(series.coef[-3:]).max() <= 1e-13 * np.abs(series.coef).max():
                break
            angle /= 4
        return series
