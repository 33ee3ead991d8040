"""Sums of the cavity score over all edges of a layer, without ever storing one number per edge and sample.

BPI needs, for M samples, K output and N input units,

    H_in[k, i] = Σ_a g(ω_ak − m_ki x_ai) x_ai        B[a, i] = Σ_k g(ω_ak − m_ki x_ai) m_ki

with one evaluation of the sign channel's score per edge. Where torch.compile has a compiler to work with (C++ on a CPU,
Triton on a GPU) each sum is one fused loop nest in float32; everywhere else the same expression runs eagerly over
chunks of samples that fit the cache. :func:`status` says which of the two was used, and why.
"""

import functools
import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .channels.special import SQRT_HALF, erfcx_fit, largest_exponent

EAGER_CHUNK_EDGES = 1 << 16
EAGER_BLOCK_EDGES = 1 << 14
FEWEST_EDGES_FOR_COMPILING = 1 << 14

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdgeCoefficients:
    """All of the cavity score that does not depend on the input unit, each (M, K).

    With c = sign B, T = tanh|B|, y = |c ω_c|/√(2V) and s = sign(c ω_c), the score of an edge is
    ``prefactor / (exp(y² + log_s) − s·T·erfcx(y))``, where log_− = log(1 − T) and log_+ = log(1 + T). Every
    transcendental result is used once: that is what lets the compiler keep all of it in registers.
    """

    prefactor: Tensor
    inverse_scale: Tensor
    strength: Tensor
    log_negative: Tensor
    log_positive: Tensor

    @classmethod
    def of(cls, field_top: Tensor, variance: Tensor) -> "EdgeCoefficients":
        """From the field B (±∞ allowed) on the output units and the variance V of their preactivations."""
        size = field_top.abs()
        strength = torch.tanh(size)
        inverse_scale = torch.copysign(torch.rsqrt(variance) * SQRT_HALF, field_top)
        return cls(
            prefactor=(2 / math.sqrt(math.pi)) * inverse_scale * strength,
            inverse_scale=inverse_scale,
            strength=strength,
            log_negative=math.log(2) + torch.nn.functional.logsigmoid(-2 * size),
            log_positive=math.log(2) + torch.nn.functional.logsigmoid(2 * size),
        )

    def block(self, samples: slice, units: slice) -> tuple[Tensor, ...]:
        """The coefficients of some samples and output units, in the order of :meth:`tensors`."""
        return tuple(tensor[samples, units] for tensor in self.tensors())

    def tensors(self) -> tuple[Tensor, ...]:
        """The five tensors in the order in which :func:`edge_score` takes them."""
        return self.prefactor, self.inverse_scale, self.strength, self.log_negative, self.log_positive


def edge_score(
    cavity_omega: Tensor,
    prefactor: Tensor,
    inverse_scale: Tensor,
    strength: Tensor,
    log_negative: Tensor,
    log_positive: Tensor,
) -> Tensor:
    """g(B, ω_c, V) from the coefficients of :class:`EdgeCoefficients`, all broadcast against ``cavity_omega``."""
    v = inverse_scale * cavity_omega
    agrees = v > 0
    y = v.abs()
    exponent = (y * y + torch.where(agrees, log_positive, log_negative)).clamp(max=largest_exponent(v.dtype))
    erfcx = torch.special.erfcx if v.dtype == torch.float64 else erfcx_fit
    signed = torch.where(agrees, -strength, strength)
    return prefactor / (torch.exp(exponent) + signed * erfcx(y))


def bpi_field_in(x: Tensor, mean: Tensor, omega: Tensor, coefficients: EdgeCoefficients) -> Tensor:
    """H_in (K, N) from x̂ (M, N), m (K, N) and ω (M, K)."""
    fused = fused_kernel("field_in", x, mean)
    if fused is not None:
        return fused(x, mean, omega, *coefficients.tensors())
    total = torch.zeros_like(mean)
    for samples, units in edge_blocks(len(x), *mean.shape):
        total[units] += block_field_in(
            x[samples], mean[units], omega[samples, units], *coefficients.block(samples, units)
        )
    return total


def bpi_field_down(x: Tensor, mean: Tensor, omega: Tensor, coefficients: EdgeCoefficients) -> Tensor:
    """B (M, N) from x̂ (M, N), m (K, N) and ω (M, K)."""
    fused = fused_kernel("field_down", x, mean)
    if fused is not None:
        return fused(x, mean, omega, *coefficients.tensors())
    total = torch.zeros_like(x)
    for samples, units in edge_blocks(len(x), *mean.shape):
        part = block_field_down(x[samples], mean[units], omega[samples, units], *coefficients.block(samples, units))
        total[samples] += part
    return total


def edge_blocks(samples: int, units: int, inputs: int) -> Iterator[tuple[slice, slice]]:
    """Slices over samples and output units whose edges fit the cache, and each temporary a small allocation."""
    rows = max(1, min(units, EAGER_BLOCK_EDGES // inputs))
    for part in sample_chunks(samples, rows * inputs, EAGER_BLOCK_EDGES):
        for start in range(0, units, rows):
            yield part, slice(start, min(start + rows, units))


def sample_chunks(samples: int, edges_per_sample: int, edges: int = EAGER_CHUNK_EDGES) -> list[slice]:
    """Slices over the samples with at most so many ``edges`` each (at least one sample)."""
    size = max(1, edges // edges_per_sample)
    return [slice(start, min(start + size, samples)) for start in range(0, samples, size)]


def status() -> str:
    """What large float32 sums have used in this process: ``fused``, ``eager: <why>``, or ``unused``."""
    return outcome


def block_field_in(x, mean, omega, *coefficients):
    return (edge_scores(x, mean, omega, coefficients) * x.unsqueeze(1)).sum(0)


def block_field_down(x, mean, omega, *coefficients):
    return (edge_scores(x, mean, omega, coefficients) * mean).sum(1)


def edge_scores(x, mean, omega, coefficients):
    cavity_omega = omega.unsqueeze(-1) - mean * x.unsqueeze(1)
    return edge_score(cavity_omega, *(part.unsqueeze(-1) for part in coefficients))


FORMULAS: dict[str, Callable[..., Tensor]] = {"field_in": block_field_in, "field_down": block_field_down}
outcome = "unused"


def fused_kernel(name: str, x: Tensor, mean: Tensor) -> Callable[..., Tensor] | None:
    if x.dtype != torch.float32 or len(x) * mean.numel() < FEWEST_EDGES_FOR_COMPILING:
        return None
    return compiled(name, x.device.type)


@functools.cache
def compiled(name: str, device: str) -> Callable[..., Tensor] | None:
    """The fused kernel, tried once on small tensors; None, with the reason kept, where it cannot be built."""
    global outcome
    if os.environ.get("NNSTATMECH_NO_COMPILE"):
        outcome = "eager: NNSTATMECH_NO_COMPILE is set"
        return None
    options: dict[str, str | int | bool | Callable] = {
        "realize_opcount_threshold": 1000,
        "realize_reads_threshold": 1000,
        "realize_acc_reads_threshold": 1000,
        "compile_threads": 1,
    }
    fused = torch.compile(FORMULAS[name], dynamic=True, options=options)
    x, mean, omega = (torch.ones(shape, device=device) for shape in ((3, 7), (5, 7), (3, 5)))
    try:
        fused(x, mean, omega, *EdgeCoefficients.of(omega, omega).tensors())
    except Exception as error:
        outcome = f"eager: {type(error).__name__}: {error}".splitlines()[0]
        logger.warning("the exact BPI kernel runs eagerly (%s)", outcome)
        return None
    outcome = "fused"
    return fused
