"""What a sweep does between its matrix products, each step of it one compiled loop over all elements of its tensors.

The loops are those of :mod:`.loops_source`; they take dense float32 tensors on a CPU, and give what the passes of
:class:`.channels.sign.Preactivation` and :class:`.weights.BinaryWeights` give, up to rounding. :func:`serve` says
whether they can be had.
"""

import ctypes
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..compiler import functions
from .channels import sign
from .channels.sign import UnitMoments
from .loops_source import SOURCE

if TYPE_CHECKING:
    from .weights import BinaryWeights, UpdateRule

VECTOR = 16  # float32 numbers in the longest vector
COUNT, TENSOR, NUMBER = ctypes.c_int64, ctypes.c_void_p, ctypes.c_float
ARGUMENTS = {
    "squares": [COUNT] * 3 + [TENSOR] * 4,
    "settle": [COUNT] * 4 + [TENSOR] * 3 + [NUMBER, TENSOR],
    "half_erfcx": [COUNT] + [TENSOR] * 3,
    "moments": [COUNT] * 2 + [TENSOR] * 7,
    "moments_in_field": [COUNT] * 2 + [TENSOR] * 9,
    "score": [COUNT] + [TENSOR] * 5,
    "score_and_curvature": [COUNT] + [TENSOR] * 6,
    "edge_fields": [COUNT] * 3 + [TENSOR] * 10,
    "sparse_edge_fields": [COUNT] * 3 + [TENSOR] * 12,
    "omega_of_edges": [COUNT] * 3 + [TENSOR] * 3,
    "omega_of_edge_inputs": [COUNT] * 3 + [TENSOR] * 5,
    "exchange": [COUNT] * 4 + [TENSOR] * 12,
    "follow": [COUNT] * 4 + [TENSOR] * 4,
    "derivatives": [COUNT] + [TENSOR] * 6,
    "horner": [COUNT] + [TENSOR] * 5,
    "update": [COUNT] * 2 + [TENSOR] * 7 + [NUMBER] + [TENSOR] * 3,
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None, with the reason logged, where they cannot be built."""
    return functions(SOURCE, ARGUMENTS, "elementwise work is done by torch, pass by pass")


def serve(*tensors: Tensor) -> bool:
    """Whether there are loops for these tensors: dense float32 ones on a CPU, and a compiler at hand."""
    return all(t.dtype is torch.float32 and t.is_cpu and t.is_contiguous() for t in tensors) and library() is not None


def serve_alike(*tensors: Tensor | None) -> bool:
    """Whether there are loops for these tensors, of one shape; None for those that are absent."""
    given = [tensor for tensor in tensors if tensor is not None]
    return all(tensor.shape == given[0].shape for tensor in given) and serve(*given)


def dense(tensor: Tensor, like: Tensor) -> Tensor:
    """A tensor as the loops take it, of the shape and kind of another."""
    return tensor.to(like.dtype).expand_as(like).contiguous()


def call(name: str, *arguments: Tensor | float | None) -> None:
    """One loop; tensors are given by their addresses, which an absent one has not."""
    getattr(library(), name)(*(a.data_ptr() if isinstance(a, Tensor) else a for a in arguments))


def squares(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x² of inputs (R, M, N), its means over units (R, M, 1), and the largest |x| (R,)."""
    square, mean_square, peak = torch.empty_like(x), x.new_empty(*x.shape[:2], 1), x.new_empty(len(x))
    call("squares", *x.shape, x, square, mean_square, peak)
    return square, mean_square, peak


def settle(variance: Tensor, delta: Tensor | None, mean_square: Tensor | None, floor: float) -> Tensor:
    """V (R, M, K) += Σ_i Δ_i (R, M, N), at least ``floor`` × ``mean_square`` (R, M, 1), in place; its smallest (R,)."""
    smallest = variance.new_empty(len(variance))
    units = 0 if delta is None else delta.shape[-1]
    call("settle", *variance.shape, units, variance, delta, mean_square, floor, smallest)
    return smallest


def update(
    weights: "BinaryWeights",
    field_in: Tensor,
    slope: Tensor | None,
    rule: "UpdateRule",
) -> None:
    """As :meth:`.weights.BinaryWeights.update` without focusing, in place."""
    field, replicas = weights.field, len(weights.field)
    reinforces = isinstance(rule.reinforcement, Tensor) or rule.reinforcement != 0
    call(
        "update",
        replicas,
        field.numel() // replicas,
        *(field_in, slope, weights.prior_field, weights.mask),
        one_a_replica(rule.damping, field),
        one_a_replica(rule.reinforcement, field) if reinforces else None,
        None if rule.active is None else rule.active.contiguous(),
        rule.field_limit,
        *(field, weights.mean, weights.variance),
    )


def edge_fields(
    x: Tensor, mean: Tensor, omega: Tensor, coefficients: Sequence[Tensor], sends_down: bool
) -> tuple[Tensor, Tensor | None]:
    """H_in (K, N) and, where it ``sends_down``, B (M, N), as :func:`.kernels.bpi_fields`.

    Inputs are filled up with weights and inputs of 0: a vector that is not full costs as much as many full ones.
    """
    units, inputs = mean.shape
    x, mean = filled_up(x), filled_up(mean)
    field_in, down = torch.zeros_like(mean), torch.zeros_like(x) if sends_down else None
    by_sample = [dense(part, omega) for part in (omega, *coefficients)]
    call("edge_fields", len(x), units, x.shape[1], x, mean, *by_sample, field_in, down)
    return field_in[:, :inputs], None if down is None else down[:, :inputs]


def sparse_edge_fields(
    x: Tensor,
    mean: Tensor,
    omega: Tensor,
    coefficients: Sequence[Tensor],
    sends_down: bool,
    starts: Tensor,
    inputs: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """As :func:`edge_fields`, over the edges of :class:`.kernels.SparseEdges`; samples innermost, and filled up."""
    rows = filled_up(x.T)
    field_in, down = torch.zeros_like(mean), torch.zeros_like(rows) if sends_down else None
    by_unit = [filled_up(dense(part, omega).T) for part in (omega, *coefficients)]
    call("sparse_edge_fields", rows.shape[1], *mean.shape, starts, inputs, rows, mean, *by_unit, field_in, down)
    return field_in, None if down is None else down[:, : len(x)].T.contiguous()


def horner(terms: Sequence[Tensor], variable: Tensor) -> Tensor:
    """Σ_n (−variable)ⁿ/n! terms[n] of four terms; overwrites the first."""
    call("horner", variable.numel(), variable, *terms)
    return terms[0]


def filled_up(matrix: Tensor) -> Tensor:
    """Dense, with columns of 0 behind the last one up to whole vectors."""
    return torch.nn.functional.pad(matrix, (0, -matrix.shape[-1] % VECTOR)).contiguous()


def one_a_replica(value: Tensor | float, like: Tensor) -> Tensor:
    """A number, or one a replica (R, 1, 1), as a dense tensor of R numbers."""
    if isinstance(value, Tensor) and value.dtype == like.dtype and value.numel() == len(like) and value.is_contiguous():
        return value
    return torch.as_tensor(value, dtype=like.dtype).expand(len(like), 1, 1).contiguous()


class EdgeMessages:
    """The messages of belief propagation on the edges of a layer, (R, M, K, N), N filled up to whole vectors.

    Parameters
    ----------
    mean
        m (R, K, N), where all edges of a weight start.
    samples
        M.
    is_first
        Whether the inputs are known: then no fields are sent down.

    Attributes
    ----------
    means, fields
        m_c, and B_c where inputs are inferred.
    """

    def __init__(self, mean: Tensor, samples: int, is_first: bool):
        self.means = filled_up(mean).unsqueeze(1).repeat(1, samples, 1, 1)
        self.fields = None if is_first else torch.empty_like(self.means)
        self._shifts = torch.empty_like(self.means)  # g_c x̂_c; before that, x̂_c where every edge has its own
        self._has_inputs = False

    def omega(self, x: Tensor, field: Tensor | None) -> Tensor:
        """ω = Σ m_c x̂_c (R, M, K) from x̂ and, where there is one, b + B, both (R, M, N)."""
        replicas, rows, units, inputs = self.means.shape
        omega, size = self.means.new_empty(replicas, rows, units), (replicas * rows, units, inputs)
        self._has_inputs = field is not None and self.fields is not None
        if field is not None and self.fields is not None:
            call("omega_of_edge_inputs", *size, filled_up(field), self.fields, self.means, self._shifts, omega)
        else:
            call("omega_of_edges", *size, filled_up(x), self.means, omega)
        return omega

    def exchange(self, x: Tensor, omega: Tensor, coefficients: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """H_in = Σ_a g_c x̂_c (R, K, N) and B = Σ_k g_c m_c (R, M, N), None in the first layer."""
        replicas, rows, units, inputs = self.means.shape
        field_in = x.new_zeros(replicas, units, inputs)
        down = None if self.fields is None else x.new_zeros(replicas, rows, inputs)
        received = None if self._has_inputs else filled_up(x)
        given = [received, self.means, *(dense(part, omega) for part in (omega, *coefficients))]
        call("exchange", *self.means.shape, *given, self._shifts, self.fields, field_in, down)
        known = x.shape[-1]
        return field_in[..., :known].contiguous(), None if down is None else down[..., :known].contiguous()

    def follow(self, field: Tensor, damping: Tensor | float, mask: Tensor | None) -> None:
        """m_c ← ψ m_c + (1 − ψ) tanh(H − g_c x̂_c), on the edges that exist, from H (R, K, N)."""
        call("follow", *self.means.shape, filled_up(field), self._shifts, one_a_replica(damping, field), self.means)
        if mask is not None:
            self.means *= filled_up(mask).unsqueeze(1)


class CompiledPreactivation:
    """As :class:`.channels.sign.Preactivation`, of ω and V of one shape."""

    def __init__(self, omega: Tensor, variance: Tensor):
        self.omega, self.variance = omega, variance
        self._half_erfcx: Tensor | None = None

    @property
    def half_erfcx(self) -> Tensor:
        """½erfcx(|u|/√2), u = ω/√V, which both passes of a sweep need."""
        if self._half_erfcx is None:
            self._half_erfcx = torch.empty_like(self.omega)
            call("half_erfcx", self.omega.numel(), self.omega, self.variance, self._half_erfcx)
        return self._half_erfcx

    def of_replicas(self, replicas: slice) -> "CompiledPreactivation":
        """That of some replicas, along the first axis."""
        part = CompiledPreactivation(self.omega[replicas], self.variance[replicas])
        part._half_erfcx = self.half_erfcx[replicas]
        return part

    def moments(self, above: Tensor | None) -> UnitMoments:
        """The moments of the units in the field B ``above`` them, or without one."""
        self._half_erfcx, mean, square, variance = (torch.empty_like(self.omega) for _ in range(4))
        peak, field = self.omega.new_empty(len(self.omega)), None
        shape, results = (len(mean), mean[0].numel()), (mean, square, variance, peak)
        if above is None:
            call("moments", *shape, self.omega, self.variance, self._half_erfcx, *results)
        else:
            field = torch.empty_like(mean)
            given = (self.omega, self.variance, dense(above, mean))
            call("moments_in_field", *shape, *given, self._half_erfcx, field, *results)
        return UnitMoments(mean, square, variance, field, peak)

    def score(self, B: Tensor) -> Tensor:
        """g in a field B (±∞ allowed)."""
        g = torch.empty_like(self.omega)
        call("score", g.numel(), self.omega, self.variance, self.half_erfcx, dense(B, g), g)
        return g

    def curvature(self, g: Tensor) -> Tensor:
        """Γ = g (g + ω/V)."""
        return sign.curvature(g, self.omega, self.variance)

    def score_derivatives(self, g: Tensor, order: int) -> list[Tensor]:
        """As :func:`.channels.sign.score_derivatives`."""
        if order != 3:
            return sign.score_derivatives(g, self.omega, self.variance, order)
        derivatives = [g, *(torch.empty_like(g) for _ in range(order))]
        call("derivatives", g.numel(), self.omega, self.variance, *derivatives)
        return derivatives

    def score_and_curvature(self, B: Tensor) -> tuple[Tensor, Tensor]:
        """g and Γ in a field B (±∞ allowed)."""
        g, curvature = torch.empty_like(self.omega), torch.empty_like(self.omega)
        given = (self.omega, self.variance, self.half_erfcx, dense(B, g))
        call("score_and_curvature", g.numel(), *given, g, curvature)
        return g, curvature


Channel = sign.Preactivation | CompiledPreactivation
