"""The sign activation x = sign(z), z ~ N(ω, V), seen by a field B on x.

φ(B, ω, V) = log Σ_{x=±1} e^{Bx} H(−x ω/√V), with H the upper tail of the normal distribution. Source: the channel
of Lucibello, Pittorino, Perugini, Zecchina, *Deep learning via message passing algorithms based on belief
propagation*, MLST 3, 035005 (2022); the forms below neither overflow nor lose the sign for |ω|/√V ≤ 30 and any B,
±∞ included (a field ±∞ is the hard constraint sign(z) = ±1 of the output).

All arguments broadcast; results have their common shape.
"""

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor

from .special import constants, erfcx_positive, largest_exponent


def log_partition(B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """φ(B, ω, V); B finite."""
    u = omega / variance.sqrt()
    return torch.logaddexp(B + torch.special.log_ndtr(u), -B + torch.special.log_ndtr(-u))


def up_field(omega: Tensor, variance: Tensor) -> Tensor:
    """The field b = ½[log Φ(u) − log Φ(−u)], u = ω/√V, that the preactivation exerts on x."""
    return Preactivation(omega, variance).up_field()


def moments(B: Tensor, omega: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ∂_B φ = tanh(B + b) and variance ∂²_B φ of x."""
    mean = torch.tanh(B + up_field(omega, variance))
    return mean, 1 - mean * mean


def score(B: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """g = ∂_ω φ = (1/√V) 2tG(u) / (1 + t erf(u/√2)) with t = tanh B."""
    return Preactivation(omega, variance).score(B)


def curvature(g: Tensor, omega: Tensor, variance: Tensor) -> Tensor:
    """Γ = −∂²_ω φ = g (g + ω/V), whatever B was."""
    return g * (g + omega / variance)


def score_derivatives(g: Tensor, omega: Tensor, variance: Tensor, order: int) -> list[Tensor]:
    """[g, ∂_ω g, ..., ∂_ω^order g] from g alone.

    As a function of ω the score obeys the Riccati equation g' = −g² − (ω/V) g whatever B is, so that
    g^(n+1) = −Σ_j C(n, j) g^(j) g^(n−j) − (ω g^(n) + n g^(n−1))/V.
    """
    return derivatives_of_score(g, omega / variance, variance.reciprocal(), order)


def derivatives_of_score(g: Tensor, slope: Tensor, precision: Tensor, order: int) -> list[Tensor]:
    """:func:`score_derivatives` from ω/V and 1/V."""
    derivatives = [g]
    for n in range(order):
        following = slope * derivatives[n]
        if n:
            following.addcmul_(precision, derivatives[n - 1], value=n)
        for j in range(n // 2 + 1):
            count = math.comb(n, j) * (1 if 2 * j == n else 2)  # j and n − j give the same product
            following.addcmul_(derivatives[j], derivatives[n - j], value=count)
        derivatives.append(following.neg_())
    return derivatives


class UnitMoments(NamedTuple):
    """What is known of the units x, all of one shape (R, M, N) but for ``peak``.

    Attributes
    ----------
    mean, square, variance
        x̂, x̂² and Δ = 1 − x̂².
    field
        b + B, None where no field from above has come.
    peak
        The largest |x̂| (R,), where it is at hand.
    """

    mean: Tensor
    square: Tensor
    variance: Tensor
    field: Tensor | None = None
    peak: Tensor | None = None


class Preactivation:
    """The channel at one ω and V: what its outgoing field and its score share is computed once.

    Both need y = |u|/√2 and ½erfcx(y), u = ω/√V: the field on the way up, the score on the way down.

    Attributes
    ----------
    inverse_scale
        1/√V, shape of V.
    ratio
        u = ω/√V, common shape of ω and V, as all that follow.
    half_square
        u²/2.
    half_erfcx
        ½erfcx(|u|/√2).
    """

    def __init__(self, omega: Tensor, variance: Tensor):
        self.inverse_scale = torch.rsqrt(variance)
        self.ratio = omega * self.inverse_scale
        numbers = constants(self.ratio.dtype, self.ratio.device)
        y = self.ratio.abs().mul_(numbers.sqrt_half)
        self.half_erfcx = erfcx_positive(y) * numbers.half
        self.half_square = y * y

    def of_replicas(self, replicas: slice) -> "Preactivation":
        """That of some replicas, along the first axis."""
        part = copy.copy(self)
        for name, tensor in vars(self).items():
            setattr(part, name, tensor[replicas])
        return part

    def tail(self) -> Tensor:
        """Φ(−|u|), the probability of the less likely sign."""
        return self.half_square.neg().exp_() * self.half_erfcx

    def mean(self) -> Tensor:
        """tanh b = erf(u/√2), the mean of x without a field from above."""
        numbers = constants(self.ratio.dtype, self.ratio.device)
        return torch.sub(numbers.one, self.tail(), alpha=2).copysign_(self.ratio)

    def up_field(self) -> Tensor:
        """The field b = ½[log Φ(u) − log Φ(−u)] on x."""
        numbers = constants(self.ratio.dtype, self.ratio.device)
        odds = torch.sub(numbers.one, self.tail()).div_(self.half_erfcx)
        return odds.log_().add_(self.half_square).mul_(numbers.half).copysign_(self.ratio)

    def moments(self, above: Tensor | None) -> UnitMoments:
        """The moments of the units in the field B ``above`` them, or without one."""
        one = constants(self.ratio.dtype, self.ratio.device).one
        field = None if above is None else self.up_field().add_(above)
        mean = self.mean() if field is None else torch.tanh(field)
        square = mean * mean
        return UnitMoments(mean, square, torch.sub(one, square), field)

    def score(self, B: Tensor) -> Tensor:
        """g in a field B (±∞ allowed).

        With t = 1 − e^{−2|B|} and s = sign(Bu), g = (sign B/√V) √(2/π) t / (2e^{u²/2 + 2 min(s|B|, 0)} − s t erfcx(y)).
        """
        numbers = constants(self.ratio.dtype, self.ratio.device)
        agreement = torch.copysign(numbers.one, self.ratio).mul(B)
        strength = B.abs().mul_(numbers.minus_two).expm1_()
        exponent = torch.clamp(agreement, max=0).mul_(numbers.two).add_(self.half_square)
        mismatch = exponent.clamp_(max=largest_exponent(exponent.dtype)).exp_()
        mismatch = mismatch - torch.copysign(strength, agreement) * self.half_erfcx
        return torch.copysign(strength, B) * (numbers.half_mills * self.inverse_scale) / mismatch

    def slope(self) -> Tensor:
        """ω/V."""
        return self.ratio * self.inverse_scale

    def curvature(self, g: Tensor) -> Tensor:
        """Γ = −∂_ω g = g (g + ω/V)."""
        return self.slope().add_(g).mul_(g)

    def score_and_curvature(self, B: Tensor) -> tuple[Tensor, Tensor]:
        """g and Γ in a field B (±∞ allowed)."""
        g = self.score(B)
        return g, self.curvature(g)

    def score_derivatives(self, g: Tensor, order: int) -> list[Tensor]:
        """As :func:`score_derivatives`."""
        return derivatives_of_score(g, self.slope(), self.inverse_scale * self.inverse_scale, order)
