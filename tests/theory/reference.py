"""Mean-field theory by other means than the package's, to more digits than double precision.

`Strips` sums tanh-like non-linearities over equidistant points (exponentially convergent for functions that are
analytic in a strip) in extended precision, with differences by identities. `Price` uses Price's theorem,
d E φφ / dc = q E φ'φ' and d E φ'φ' / dc = q E φ''φ'', with E φ''φ'' in closed form, and adaptive quadrature in 30
digits. Both give the losses E φ² - E φφ and E φ'² - E φ'φ' at distance d = 1 - c without cancellation.
"""

from dataclasses import dataclass

import mpmath as mp
import numpy as np

mp.mp.dps = 30
LONG = np.longdouble


class Strips:
    """tanh, or SiLU, whose nearest pole is ``strip`` away from the real line."""

    def __init__(self, name):
        self.strip = {"tanh": np.pi / 2, "SiLU": np.pi}[name]
        self.pair = {"tanh": self.tanh, "SiLU": self.silu}[name]

    @staticmethod
    def tanh(u):
        return np.tanh(u), 1 / np.cosh(u) ** 2

    @staticmethod
    def silu(u):
        s = 1 / (1 + np.exp(-u))
        return u * s, s * (1 + u * (1 - s))

    def axis(self, deviation):
        step = min(0.35, 2 * np.pi * self.strip / (52 * float(deviation)))
        points = LONG(step) * np.arange(-int(10.5 / step), int(10.5 / step) + 1, dtype=LONG)
        weights = np.exp(-(points**2) / 2)
        return points, weights / weights.sum()

    def moments(self, length):
        deviation = np.sqrt(LONG(length))
        z, weights = self.axis(deviation)
        value, slope = self.pair(deviation * z)
        return weights @ value**2, weights @ slope**2, weights @ (z * value * slope) / deviation

    def losses(self, length, distance):
        sine = np.sqrt(LONG(length) * LONG(distance) / 2)
        cosine = np.sqrt(LONG(length) * (1 - LONG(distance) / 2))
        (x, wx), (y, wy) = self.axis(cosine), self.axis(sine)
        u1, u2 = cosine * x[:, None] + sine * y, cosine * x[:, None] - sine * y
        if self.pair == self.tanh:
            value = np.sinh(2 * sine * y) / (np.cosh(u1) * np.cosh(u2))
            slope = value * (np.tanh(u1) + np.tanh(u2))
        else:
            # With T = tanh(u / 2): φ = u (1 + T) / 2 and φ' = (1 + T) / 2 + u (1 - T²) / 4.
            t1, t2 = np.tanh(u1 / 2), np.tanh(u2 / 2)
            apart = np.sinh(sine * y) / (np.cosh(u1 / 2) * np.cosh(u2 / 2))
            middle, half = cosine * x[:, None], sine * y
            value = half + (middle * apart + half * (t1 + t2)) / 2
            flat = 1 / np.cosh(u1 / 2) ** 2 + 1 / np.cosh(u2 / 2) ** 2
            slope = apart / 2 + (half * flat - middle * apart * (t1 + t2)) / 4
        return wx @ value**2 @ wy / 2, wx @ slope**2 @ wy / 2


class Price:
    """erf, GELU and hard tanh."""

    def __init__(self, name):
        self.value, self.slope, self.kinks = {
            "erf": (mp.erf, lambda u: 2 / mp.sqrt(mp.pi) * mp.exp(-u * u), ()),
            "GELU": (lambda u: u * mp.ncdf(u), lambda u: mp.ncdf(u) + u * mp.npdf(u), ()),
            "hard tanh": (lambda u: max(-1, min(1, u)), lambda u: mp.mpf(abs(u) < 1), (-1, 1)),
        }[name]
        self.curvatures = {"erf": self.erf, "GELU": self.gelu, "hard tanh": self.hard_tanh}[name]

    def mean(self, function, length):
        deviation = mp.sqrt(length)
        cuts = {0, *self.kinks, *(sign * mp.mpf(2) ** k for k in range(-1, 12) for sign in (-1, 1))}
        cuts = sorted(c for c in cuts if abs(c) < 13 * deviation) if deviation > 0.05 else [0, *self.kinks]
        cuts = sorted({*(c / deviation for c in cuts if abs(c) < 13 * deviation), -13, -6, -3, 3, 6, 13})
        return mp.quad(lambda z: function(deviation * z) * mp.npdf(z), cuts)

    def moments(self, length):
        length = mp.mpf(length)
        return (
            self.mean(lambda u: self.value(u) ** 2, length),
            self.mean(lambda u: self.slope(u) ** 2, length),
            self.mean(lambda u: u * self.value(u) * self.slope(u), length) / length,
        )

    def tilted(self, q, t, k):
        """Covariance of the density times exp(-k (u₁² + u₂²) / 2), and the factor of its norm, at c = 1 - t."""
        # Eigenvalues of the covariance: q (2 - t) along the diagonal, q t across.
        along, across = q * (2 - t) / (1 + k * q * (2 - t)), q * t / (1 + k * q * t)
        norm = 1 / mp.sqrt((1 + k * q * (2 - t)) * (1 + k * q * t))
        return (along + across) / 2, (along - across) / 2, norm

    def erf(self, q, t):
        _, covariance, norm = self.tilted(q, t, 2)
        return 16 / mp.pi * covariance * norm

    def gelu(self, q, t):
        variance, covariance, norm = self.tilted(q, t, 1)
        return (4 - 4 * variance + variance**2 + 2 * covariance**2) * norm / (2 * mp.pi)

    def hard_tanh(self, q, t):
        norm = 1 / (2 * mp.pi * q * mp.sqrt(t * (2 - t)))
        return 2 * norm * (mp.exp(-1 / (q * (2 - t))) - mp.exp(-1 / (q * t)))

    def losses(self, length, distance):
        q, d = mp.mpf(length), mp.mpf(distance)
        # t = d s² makes the root singularity of kinks smooth.
        slope = q * mp.quad(lambda s: 2 * d * s * self.curvatures(q, d * s * s), [0, 0.1, 0.5, 1])
        lost = q * mp.quad(lambda s: 2 * d * s * (d - d * s * s) * self.curvatures(q, d * s * s), [0, 0.1, 0.5, 1])
        return q * (d * self.mean(lambda u: self.slope(u) ** 2, q) - lost), slope


@dataclass
class Fixed:
    length: float
    susceptibility: float
    distance: float
    correlation_depth: float
    length_depth: float


def secant(function, first, second):
    """A simple root, to the precision of the numbers given."""
    old, new = function(first), function(second)
    for _ in range(60):
        if new == old or new == 0:
            break
        first, second = second, second - new * (second - first) / (new - old)
        old, new = new, function(second)
        if abs(second - first) <= abs(second) * 1e-24:
            break
    return second


def fixed(means, weight_variance: float, bias_variance: float, guess: float, distance: float | None = None) -> Fixed:
    """Fixed points near the guesses of a length and, in the chaotic phase, of a distance 1 - c*, where 1 is exact."""
    kind = LONG if isinstance(means, Strips) else mp.mpf
    log = np.log if isinstance(means, Strips) else mp.log
    w, b = kind(weight_variance), kind(bias_variance)

    def excess(length):
        return (w * means.moments(length)[0] + b) / length - 1

    length = secant(excess, kind(guess), kind(guess) * (1 + kind(1e-6)))
    _, slope_square, growth = means.moments(length)
    susceptibility = w * slope_square
    slope = susceptibility
    if distance == 1:
        slope = susceptibility - w * means.losses(length, distance)[1]
    elif distance:
        start = log(kind(distance))
        exp = np.exp if isinstance(means, Strips) else mp.exp

        def mismatch(logarithm):
            return w * means.losses(length, exp(logarithm))[0] / (length * exp(logarithm)) - 1

        distance = exp(secant(mismatch, start, start + kind(1e-6)))
        slope = susceptibility - w * means.losses(length, distance)[1]
    depths = [float(-1 / log(rate)) for rate in (slope, w * growth)]
    return Fixed(float(length), float(susceptibility), float(distance or 0), *depths)


MEANS = {
    "tanh": lambda: Strips("tanh"),
    "SiLU": lambda: Strips("SiLU"),
    "erf": lambda: Price("erf"),
    "GELU": lambda: Price("GELU"),
    "hard tanh": lambda: Price("hard tanh"),
}
