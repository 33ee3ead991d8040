"""Sums of the cavity score over all edges of a layer, without ever storing one number per edge and sample.

BPI needs, for M samples, K output and N input units,

    H_in[k, i] = Σ_a g(ω_ak − m_ki x_ai) x_ai        B[a, i] = Σ_k g(ω_ak − m_ki x_ai) m_ki

with one evaluation of the sign channel's score per edge. In float32 one compiled loop nest of :mod:`.loops` gives both
sums on a CPU, and one of torch.compile each sum on a GPU; where there is no compiler, and in float64, the same
expression runs eagerly over chunks of samples that fit the cache. :func:`status` says which was used, and why.
"""

import functools
import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..devices import free_bytes
from . import loops
from .channels.sign import Preactivation
from .channels.special import SQRT_HALF, erfcx_fit, largest_exponent

EAGER_CHUNK_EDGES = 1 << 16
EAGER_BLOCK_EDGES = 1 << 14
UNITS_PER_GROUP = 32
BYTES_PER_BLOCK_EDGE = 48  # temporaries of an eager block
FEWEST_EDGES_FOR_TRITON = 1 << 14

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdgeCoefficients:
    """All of the cavity score that does not depend on the input unit, each (M, K).

    Attributes
    ----------
    field, variance
        The field B (±∞ allowed) on the output units, and the variance V of their preactivations.
    """

    field: Tensor
    variance: Tensor

    @classmethod
    def of(cls, field_top: Tensor, variance: Tensor) -> "EdgeCoefficients":
        """From the field B (±∞ allowed) on the output units and the variance V of their preactivations."""
        return cls(field_top.expand_as(variance), variance)

    def block(self, samples: slice, units: slice | Tensor) -> "EdgeCoefficients":
        """Those of some samples and output units."""
        return EdgeCoefficients(self.field[samples, units], self.variance[samples, units])

    def score(self, cavity_omega: Tensor) -> Tensor:
        """g(B, ω_c, V) for ω_c (M, K, N), in passes over one workspace."""
        return Preactivation(cavity_omega, self.variance.unsqueeze(-1)).score(self.field.unsqueeze(-1))

    def tensors(self) -> tuple[Tensor, ...]:
        """What :func:`edge_score` takes beside ω_c: prefactor, inverse scale, strength, log_−, log_+.

        With c = sign B, T = tanh|B|, y = |c ω_c|/√(2V) and s = sign(c ω_c), the score of an edge is
        ``prefactor / (exp(y² + log_s) − s·T·erfcx(y))``, where log_− = log(1 − T) and log_+ = log(1 + T). Every
        transcendental result is used once: that is what lets the compiler keep all of it in registers.
        """
        size = self.field.abs()
        strength = torch.tanh(size)
        inverse_scale = torch.copysign(torch.rsqrt(self.variance) * SQRT_HALF, self.field)
        return (
            (2 / math.sqrt(math.pi)) * inverse_scale * strength,
            inverse_scale,
            strength,
            math.log(2) + torch.nn.functional.logsigmoid(-2 * size),
            math.log(2) + torch.nn.functional.logsigmoid(2 * size),
        )


class SparseEdges:
    """The edges that exist in a layer with a mask (K, N), in two forms.

    Attributes
    ----------
    starts, inputs
        Input units of the edges of unit k: ``inputs[starts[k] : starts[k + 1]]``.
    existing
        Number of edges.
    """

    def __init__(self, mask: Tensor):
        self._mask = mask
        counts = mask.count_nonzero(1)
        self.starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        self.inputs = mask.nonzero()[:, 1].contiguous()
        self.existing = len(self.inputs)

    @functools.cached_property
    def order(self) -> Tensor:
        """Output units (K,), by their number of edges; groups are runs of it."""
        return torch.argsort(self._mask.count_nonzero(1))

    @functools.cached_property
    def groups(self) -> list[tuple[slice, Tensor, Tensor]]:
        """Units with like numbers of edges: their run, the input units of their edges (U n,), and which exist (U, n).

        Edges are row by row; units with fewer than n have some that do not exist.
        """
        groups = []
        for start in range(0, len(self._mask), UNITS_PER_GROUP):
            run = slice(start, start + UNITS_PER_GROUP)
            rows = self._mask[self.order[run]]
            most = int(rows.count_nonzero(1).max())
            if most:
                exists, inputs = torch.topk(rows, most, dim=1)
                groups.append((run, inputs.flatten(), exists))
        return groups


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


def bpi_fields(
    x: Tensor,
    mean: Tensor,
    omega: Tensor,
    coefficients: EdgeCoefficients,
    *,
    sends_down: bool = True,
    edges: SparseEdges | None = None,
) -> tuple[Tensor, Tensor | None]:
    """H_in (K, N) and, where it ``sends_down``, B (M, N) from x̂ (M, N), m (K, N) and ω (M, K).

    Parameters
    ----------
    edges
        The edges that exist; None for all. Others are not computed, and get no H_in.
    """
    existing = mean.numel() if edges is None else edges.existing
    if loops.serve(x, mean, omega):
        note("fused")
        if edges is None:
            return loops.edge_fields(x, mean, omega, coefficients.tensors(), sends_down)
        return loops.sparse_edge_fields(x, mean, omega, coefficients.tensors(), sends_down, edges.starts, edges.inputs)
    if x.dtype == torch.float32 and not x.is_cuda:
        note("eager: no compiled loops")
    if x.dtype == torch.float32 and x.is_cuda and len(x) * existing >= FEWEST_EDGES_FOR_TRITON:
        kernels = [compiled(name + ("" if edges is None else "_sparse"), x.device.type) for name in FIELDS]
        if edges is None and kernels[0] is not None and kernels[1] is not None:
            arguments = (x, mean, omega, *coefficients.tensors())
            return kernels[0](*arguments), kernels[1](*arguments) if sends_down else None
        if edges is not None and kernels[0] is not None and kernels[1] is not None:
            return sparse_fields(x, mean, omega, coefficients, edges, sends_down, (kernels[0], kernels[1]))
    if edges is not None:
        return sparse_fields(x, mean, omega, coefficients, edges, sends_down, None)
    return dense_fields(x, mean, omega, coefficients, sends_down)


def bpi_field_in(x: Tensor, mean: Tensor, omega: Tensor, coefficients: EdgeCoefficients) -> Tensor:
    """H_in (K, N) from x̂ (M, N), m (K, N) and ω (M, K)."""
    return bpi_fields(x, mean, omega, coefficients, sends_down=False)[0]


def bpi_field_down(x: Tensor, mean: Tensor, omega: Tensor, coefficients: EdgeCoefficients) -> Tensor:
    """B (M, N) from x̂ (M, N), m (K, N) and ω (M, K)."""
    down = bpi_fields(x, mean, omega, coefficients)[1]
    assert down is not None
    return down


def dense_fields(
    x: Tensor, mean: Tensor, omega: Tensor, coefficients: EdgeCoefficients, sends_down: bool
) -> tuple[Tensor, Tensor | None]:
    """Block by block, each score computed once for both sums."""
    field_in, field_down = torch.zeros_like(mean), torch.zeros_like(x) if sends_down else None
    for samples, units in edge_blocks(len(x), len(mean), mean.shape[1], block_edges(x.device)):
        inputs, means = x[samples].unsqueeze(1), mean[units]
        cavity_omega = torch.addcmul(omega[samples, units].unsqueeze(-1), inputs, means, value=-1)
        g = coefficients.block(samples, units).score(cavity_omega)
        if field_down is not None:
            field_down[samples] += torch.einsum("aki,ki->ai", g, means)
        field_in[units] += g.mul_(inputs).sum(0)
    return field_in, field_down


def sparse_fields(
    x: Tensor,
    mean: Tensor,
    omega: Tensor,
    coefficients: EdgeCoefficients,
    edges: SparseEdges,
    sends_down: bool,
    kernels: tuple[Callable[..., Tensor], Callable[..., Tensor]] | None,
) -> tuple[Tensor, Tensor | None]:
    """Group by group, the samples innermost: inputs of an edge are a row of x̂ᵀ."""
    order, rows = edges.order, x.T.contiguous()
    sorted_means, sorted_in = mean.index_select(0, order), torch.zeros_like(mean)
    down = torch.zeros_like(rows) if sends_down else None
    parts = (omega, coefficients.field, coefficients.variance) if kernels is None else (omega, *coefficients.tensors())
    by_unit = [part.T.index_select(0, order) for part in parts]
    for run, inputs, exists in edges.groups:
        columns = inputs.view_as(exists)
        means = sorted_means[run].gather(1, columns).mul_(exists)
        x_edges = rows.index_select(0, inputs).view(*exists.shape, -1)
        here = [part[run] for part in by_unit]
        fields = None
        if kernels is not None:
            sums = kernels[0](x_edges, means, *here)
            if down is not None:
                fields = kernels[1](x_edges, means, *here)
        else:
            group_omega, field, variance = (part.unsqueeze(1) for part in here)
            cavity_omega = torch.addcmul(group_omega, means.unsqueeze(-1), x_edges, value=-1)
            g = Preactivation(cavity_omega, variance).score(field)
            if down is not None:
                fields = g * means.unsqueeze(-1)
            sums = x_edges.mul_(g).sum(-1)
        sorted_in[run].scatter_(1, columns, sums.mul_(exists))  # no input twice in a row
        if down is not None and fields is not None:
            down.index_add_(0, inputs, fields.flatten(0, 1))
    field_in = torch.empty_like(mean).index_copy_(0, order, sorted_in)
    return field_in, None if down is None else down.T.contiguous()


def edge_blocks(samples: int, units: int, inputs: int, edges: int) -> Iterator[tuple[slice, slice]]:
    """Slices over samples and output units of at most so many ``edges``, or of one sample and one unit."""
    rows = max(1, min(units, edges // inputs))
    for part in sample_chunks(samples, rows * inputs, edges):
        for start in range(0, units, rows):
            yield part, slice(start, min(start + rows, units))


def sample_chunks(samples: int, edges_per_sample: int, edges: int = EAGER_CHUNK_EDGES) -> list[slice]:
    """Slices over the samples with at most so many ``edges`` each (at least one sample)."""
    size = max(1, edges // edges_per_sample)
    return [slice(start, min(start + size, samples)) for start in range(0, samples, size)]


def block_edges(device: torch.device) -> int:
    """Edges of an eager block: what fits the cache of a CPU, or a quarter of a GPU's memory when it was first asked."""
    return EAGER_BLOCK_EDGES if device.type != "cuda" else gpu_block_edges(device)


@functools.cache
def gpu_block_edges(device: torch.device) -> int:
    return max(EAGER_BLOCK_EDGES, (free_bytes(device) or 0) // (4 * BYTES_PER_BLOCK_EDGE))


def status() -> str:
    """What large float32 sums have used in this process: ``fused``, ``eager: <why>``, or ``unused``."""
    return outcome


def note(used: str) -> None:
    """Keep what :func:`status` says."""
    global outcome
    outcome = used


def block_field_in(x, mean, omega, *coefficients):
    return (edge_scores(x, mean, omega, coefficients) * x.unsqueeze(1)).sum(0)


def block_field_down(x, mean, omega, *coefficients):
    return (edge_scores(x, mean, omega, coefficients) * mean).sum(1)


def edge_scores(x, mean, omega, coefficients):
    cavity_omega = omega.unsqueeze(-1) - mean * x.unsqueeze(1)
    return edge_score(cavity_omega, *(part.unsqueeze(-1) for part in coefficients))


def sparse_field_in(x_edges, means, omega, *coefficients):
    return (sparse_scores(x_edges, means, omega, coefficients) * x_edges).sum(-1)


def sparse_edge_fields(x_edges, means, omega, *coefficients):
    return sparse_scores(x_edges, means, omega, coefficients) * means.unsqueeze(-1)


def sparse_scores(x_edges, means, omega, coefficients):
    cavity_omega = omega.unsqueeze(1) - means.unsqueeze(-1) * x_edges
    return edge_score(cavity_omega, *(part.unsqueeze(1) for part in coefficients))


FIELDS = ("field_in", "field_down")
FORMULAS: dict[str, Callable[..., Tensor]] = {
    "field_in": block_field_in,
    "field_down": block_field_down,
    "field_in_sparse": sparse_field_in,
    "field_down_sparse": sparse_edge_fields,
}
outcome = "unused"


@functools.cache
def compiled(name: str, device: str) -> Callable[..., Tensor] | None:
    """The fused kernel of a GPU, tried once on small tensors; None, with the reason kept, where it cannot be built."""
    if os.environ.get("NNSTATMECH_NO_COMPILE"):
        note("eager: NNSTATMECH_NO_COMPILE is set")
        return None
    options: dict[str, str | int | bool | Callable] = {
        "realize_opcount_threshold": 1000,
        "realize_reads_threshold": 1000,
        "realize_acc_reads_threshold": 1000,
        "compile_threads": 1,
    }
    fused = torch.compile(FORMULAS[name], dynamic=True, options=options)
    try:
        fused(*small_arguments(name, torch.device(device)))
    except Exception as error:
        note(f"eager: {type(error).__name__}: {error}".splitlines()[0])
        logger.warning("the exact BPI kernel runs eagerly (%s)", outcome)
        return None
    note("fused")
    return fused


def small_arguments(name: str, device: torch.device) -> tuple[Tensor, ...]:
    """Arguments for a first call, of sizes that differ, so that none is taken for a constant."""
    x, mean, omega = (torch.ones(shape, device=device) for shape in ((3, 7), (5, 7), (3, 5)))
    tensors = EdgeCoefficients.of(omega, omega).tensors()
    if not name.endswith("_sparse"):
        return x, mean, omega, *tensors
    x_edges = torch.ones(5, 4, 3, device=device)
    return x_edges, mean[:, :4].contiguous(), *(t.T.contiguous() for t in (omega, *tensors))
