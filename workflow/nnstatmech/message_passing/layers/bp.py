"""Relaxed belief propagation with one message per edge and sample."""

import torch
from torch import Tensor

from .. import loops, memory
from ..channels import sign
from ..kernels import EdgeCoefficients, block_edges, sample_chunks
from ..weights import BinaryWeights, GaussianWeights, UpdateRule
from .bpi import BPILayer
from .layer import LayerInput, floored


class BPLayer(BPILayer):
    """BP: cavity means m_c, x̂_c on every edge; the variance V is the full one unless ``cavity_variance``.

    The first sweep after a reset has m_c = m and x̂_c = x̂ and is BPI's (series or exact); the edge messages of
    shape (R, M, K, N) appear only when there is a second sweep (:attr:`keeps_memory`).

    Attributes
    ----------
    cavity_variance
        Leave the edge out of V, too, at the same cost. For one pattern of a perceptron with 15 inputs, whose messages
        are exact but for the Gaussian sums, the error of the means falls to a third (.0078 to .0028); where a sum has
        very few terms, as in the tree of 3 units with 5 inputs, its Gaussian is too narrow without the edge, and the
        error doubles (.025 to .057).
    """

    def __init__(
        self,
        weights: BinaryWeights | GaussianWeights,
        series_order: int | None = None,
        switch_ratio: float = 1.0,
        cavity_variance: bool = False,
    ):
        super().__init__(weights, series_order, switch_ratio)
        self.cavity_variance = cavity_variance

    def reset(self) -> None:
        super().reset()
        self._messages: loops.EdgeMessages | None = None  # or, where there are no loops:
        self._edge_means: Tensor | None = None
        self._edge_fields: Tensor | None = None

    def preactivation(self, inputs: LayerInput) -> Tensor:
        if self._messages is not None:
            return self._messages.omega(inputs.mean, inputs.field)
        if self._edge_means is None:
            return super().preactivation(inputs)
        parts = [(self._edge_means[:, part] * self._edge_inputs(inputs, part)).sum(-1) for part in self._chunks(inputs)]
        return torch.cat(parts, dim=1)

    def backward(self, field_top: Tensor, rule: UpdateRule) -> None:
        if not self.keeps_memory:
            super().backward(field_top, rule)
            return
        if not self.cavity_variance and loops.serve(self.omega, self.weights.mean):
            self._backward_in_loops(field_top, rule)
            return
        means = self._edge_means
        if means is None:
            self._require_memory()
            means = self.weights.mean.unsqueeze(1).repeat(1, self.inputs.mean.shape[1], 1, 1)
        shifts = torch.empty_like(means)
        fields = None if self.is_first else torch.empty_like(means)
        field_in = torch.zeros_like(self.weights.mean)
        for part in self._chunks(self.inputs):
            x = self._edge_inputs(self.inputs, part)
            g = self._edge_score(field_top, part, means[:, part], x)
            torch.mul(g, x, out=shifts[:, part])
            field_in += shifts[:, part].sum(1)
            if fields is not None:
                torch.mul(means[:, part], g, out=fields[:, part])
        if fields is not None:
            self.field_down = fields.sum(2)
        if not self.weights.frozen:
            self.weights.update(field_in, None, rule)
            self._update_edges(means, shifts, rule)
        self._edge_means, self._edge_fields = means, fields

    def _backward_in_loops(self, field_top: Tensor, rule: UpdateRule) -> None:
        if self._messages is None:
            self._require_memory()
            self._messages = loops.EdgeMessages(self.weights.mean, self.inputs.mean.shape[1], self.is_first)
        coefficients = EdgeCoefficients.of(field_top, self.variance).tensors()
        field_in, self.field_down = self._messages.exchange(self.inputs.mean, self.omega, coefficients)
        if not self.weights.frozen:
            self.weights.update(field_in, None, rule)
            self._messages.follow(self.weights.field, rule.damping, self.weights.mask)

    def _require_memory(self) -> None:
        """Means, shifts and fields of all edges and samples, before any is taken."""
        edges, weights = self.inputs.mean.shape[1] * self.weights.mean.numel(), self.weights.mean
        if not (weights.is_cuda and torch.cuda.is_current_stream_capturing()):
            what = (
                f"bp with {self.weights.mean.shape[0]} networks side by side and one message for every edge and image"
            )
            needed = (2 if self.is_first else 3) * edges * weights.element_size()
            memory.require(needed, weights.device, what, "take smaller batches or fewer networks in a job")

    def _update_edges(self, means: Tensor, shifts: Tensor, rule: UpdateRule) -> None:
        """m_c ← ψ m_c + (1 − ψ) tanh(H − g_c x̂_c), in place."""
        fresh = torch.sub(self.weights.field.unsqueeze(1), shifts, out=shifts).tanh_()
        damping = rule.damping.unsqueeze(1) if isinstance(rule.damping, Tensor) else rule.damping
        means.lerp_(fresh, 1 - damping)
        if self.weights.mask is not None:
            means *= self.weights.mask.unsqueeze(1)

    def _edge_inputs(self, inputs: LayerInput, part: slice) -> Tensor:
        """x̂_c of some samples, (R, m, K, N), or (R, m, 1, N) where it does not depend on the edge."""
        if inputs.field is None or self._edge_fields is None:
            return inputs.mean[:, part].unsqueeze(2)
        return torch.tanh(inputs.field[:, part].unsqueeze(2) - self._edge_fields[:, part])

    def _edge_score(self, field_top: Tensor, part: slice, means: Tensor, x: Tensor) -> Tensor:
        cavity_omega = torch.addcmul(self.omega[:, part].unsqueeze(-1), means, x, value=-1)
        field, variance = field_top[:, part].unsqueeze(-1), self.variance[:, part].unsqueeze(-1)
        if self.cavity_variance:
            mean_square = self.inputs.mean_square
            scale = mean_square[:, part].unsqueeze(-1) if isinstance(mean_square, Tensor) else mean_square
            variance = floored(variance - self._edge_variance(part), scale)
        return sign.score(field, cavity_omega, variance)

    def _edge_variance(self, part: slice) -> Tensor:
        """x̂² σ + Δ (m² + σ) of each edge, (R, m, K, N)."""
        square = self.inputs.square[:, part].unsqueeze(2)
        share = square * self.weights.variance.unsqueeze(1)
        if self.inputs.variance is not None:
            exists = 1.0 if self.weights.mask is None else self.weights.mask.unsqueeze(1)
            share = share + self.inputs.variance[:, part].unsqueeze(2) * exists
        return share

    def _chunks(self, inputs: LayerInput) -> list[slice]:
        return sample_chunks(inputs.mean.shape[1], self.weights.mean.numel(), block_edges(inputs.mean.device))
