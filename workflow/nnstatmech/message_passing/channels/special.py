"""Special functions in the forms that stay finite, and fast in float32."""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

SQRT_HALF = math.sqrt(0.5)

FEWEST_FOR_FIT = 1024  # elements above which twenty vectorised passes beat one scalar loop

_ERFCX = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def largest_exponent(dtype: torch.dtype) -> float:
    """An exponent whose exponential is large, finite, and may still be multiplied by a few thousands."""
    return 700.0 if dtype == torch.float64 else 80.0


def erfcx_fit(y: Tensor) -> Tensor:
    """erfcx(y) = exp(y²) erfc(y) for y ≥ 0 by the Chebyshev fit of Press et al., *Numerical Recipes*, §6.2.

    Relative error below 5e-7 in float32, at a tenth of the library's cost per element of a large tensor, and made of
    nothing but arithmetic and one exponential, which a compiler can fuse.
    """
    q = torch.reciprocal(1 + 0.5 * y)
    exponent = q * _ERFCX[9] + _ERFCX[8]
    for coefficient in _ERFCX[7::-1]:
        exponent = exponent * q + coefficient
    return q * torch.exp(exponent)


@dataclass(frozen=True)
class Constants:
    """Numbers as tensors without axes: an operation on a Python number makes such a tensor anew at each call."""

    one: Tensor
    minus_two: Tensor
    half: Tensor
    two: Tensor
    sqrt_half: Tensor
    half_mills: Tensor  # ½√(2/π)
    erfcx: tuple[Tensor, ...]


@functools.cache
def constants(dtype: torch.dtype, device: torch.device) -> Constants:
    """The numbers that the channels need, in one precision and on one device."""

    def number(value: float) -> Tensor:
        return torch.tensor(value, dtype=dtype, device=device)

    return Constants(
        one=number(1.0),
        minus_two=number(-2.0),
        half=number(0.5),
        two=number(2.0),
        sqrt_half=number(SQRT_HALF),
        half_mills=number(math.sqrt(0.5 / math.pi)),
        erfcx=tuple(number(coefficient) for coefficient in _ERFCX),
    )


def erfcx_fit_in_passes(y: Tensor) -> Tensor:
    """:func:`erfcx_fit` in a dozen passes over one workspace, each of them one multiplication and one addition."""
    numbers = constants(y.dtype, y.device)
    q = torch.add(numbers.one, y, alpha=0.5).reciprocal_()
    exponent = torch.addcmul(numbers.erfcx[8], q, numbers.erfcx[9])
    for coefficient in numbers.erfcx[7::-1]:
        torch.addcmul(coefficient, exponent, q, out=exponent)
    return exponent.exp_().mul_(q)


def erfcx_positive(y: Tensor) -> Tensor:
    """erfcx(y) for y ≥ 0: the fit for large float32 tensors on a CPU, else the library's function (one launch)."""
    if y.dtype == torch.float32 and y.device.type == "cpu" and y.numel() > FEWEST_FOR_FIT:
        return erfcx_fit_in_passes(y)
    return torch.special.erfcx(y)


def erfcx(y: Tensor) -> Tensor:
    """erfcx(y) of either sign, capped at the largest float where it would overflow (y ≲ −9 in float32)."""
    size = y.abs()
    tail = erfcx_positive(size)
    reflected = 2 * torch.exp((y * y).clamp(max=largest_exponent(y.dtype))) - tail
    return torch.where(y >= 0, tail, reflected)


def inverse_mills(t: Tensor) -> Tensor:
    """G(t)/H(t) with the Gaussian density G and its upper tail H; 0 at t → −∞, t at t → ∞."""
    return math.sqrt(2 / math.pi) / erfcx(t * SQRT_HALF)


def log_tail(t: Tensor) -> Tensor:
    """log H(t) = log ½erfc(t/√2)."""
    return torch.special.log_ndtr(-t)


def log_cosh(x: Tensor) -> Tensor:
    """log cosh x without overflow."""
    size = x.abs()
    return size + torch.log1p(torch.exp(-2 * size)) - math.log(2)


def fast_tanh_(x: Tensor) -> Tensor:
    """:func:`fast_tanh` in place."""
    numbers = constants(x.dtype, x.device)
    return torch.sub(x.mul_(numbers.two).sigmoid_().mul_(numbers.two), numbers.one, out=x)


def fast_tanh(x: Tensor) -> Tensor:
    """tanh x through the logistic function: absolute error 2e-7 in float32 at a fifth of the cost of ``torch.tanh``."""
    return (2 * x).sigmoid_().mul_(2).sub_(1)


def product_field(a: Tensor, b: Tensor) -> Tensor:
    """atanh(tanh a · tanh b): the field that two spins send through their product; exact at any size."""
    plus, minus = (a + b).abs(), (a - b).abs()
    return 0.5 * (plus - minus + torch.log1p(torch.exp(-2 * plus)) - torch.log1p(torch.exp(-2 * minus)))
