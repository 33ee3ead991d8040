"""What all message-passing layers share: the forward moments and the order of a backward pass."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...products import bmm
from .. import loops
from ..channels.sign import Preactivation
from ..loops import Channel, CompiledPreactivation
from ..weights import BinaryWeights, GaussianWeights, UpdateRule

VARIANCE_FLOOR = 1e-8  # smallest V, as a part of the mean square of what it sums over
LARGEST_RESCALING = 2.0**100
MODERATE = 2.0**-8, 2.0**8


def of_unit_size(inputs: Tensor) -> Tensor:
    """Inputs (R, M, N) times the power of two, one a replica, that brings their largest entry into [1/2, 1).

    Messages do not depend on the scale of the inputs. A power of two changes no digit, and keeps products of
    inputs and scores within the range of floating-point numbers.
    """
    peak = inputs.abs().amax((1, 2), keepdim=True)
    factor = (torch.frexp(peak).mantissa / peak).clamp(max=LARGEST_RESCALING)
    return inputs * torch.where(peak > 0, factor, torch.ones_like(factor))


def first_input(inputs: Tensor) -> "LayerInput":
    """What the first layer receives: inputs (R, M, N) of unit size.

    On a CPU, where it costs nothing to look, inputs that are of the order of one stay as they are.
    """
    if loops.serve(inputs):
        square, mean_square, peak = loops.squares(inputs)
        if are_moderate(peak):
            return LayerInput(inputs, square, mean_square, peak=peak)
    elif inputs.is_cpu:
        peak = torch.maximum(inputs.amax((1, 2)), inputs.amin((1, 2)).neg_())
        if are_moderate(peak):
            return data_input(inputs, peak)
    return data_input(of_unit_size(inputs))


def are_moderate(peaks: Tensor) -> bool:
    return all(MODERATE[0] <= size <= MODERATE[1] for size in peaks.tolist())


def data_input(inputs: Tensor, peak: Tensor | None = None) -> "LayerInput":
    """Known inputs (R, M, N) as they are."""
    square = inputs * inputs
    return LayerInput(inputs, square, square.mean(-1, keepdim=True), peak=peak)


def floored(variance: Tensor, mean_square: Tensor | float) -> Tensor:
    """V (R, M, K), at least :data:`VARIANCE_FLOOR` of ``mean_square``; where that is 0, at least the floor itself.

    The floor is relative, so that inputs (or real weights) in other units give the same network.
    """
    if isinstance(mean_square, Tensor):
        floor = VARIANCE_FLOOR * torch.where(mean_square > 0, mean_square, torch.ones_like(mean_square))
        return torch.maximum(variance, floor)
    return variance.clamp_(min=VARIANCE_FLOOR * mean_square)


@dataclass
class LayerInput:
    """What a layer receives from below.

    Attributes
    ----------
    mean
        x̂ (R, M, N): the data in the first layer, tanh of ``field`` in the others.
    square
        x̂² (R, M, N), which both passes of a sweep need.
    mean_square
        Mean of x̂² + Δ over the units, (R, M, 1); 1 for units of ±1, which feed all layers but the first.
    variance
        Δ = 1 − x̂² (R, M, N), or None in the first layer, whose input is known.
    field
        b + B (R, M, N), or None in the first layer and before the layer above has sent a field B.
    peak
        Largest |x̂| (R,), where it is known.
    """

    mean: Tensor
    square: Tensor
    mean_square: Tensor | float = 1.0
    variance: Tensor | None = None
    field: Tensor | None = None
    peak: Tensor | None = None

    def largest(self) -> Tensor:
        """Largest |x̂| (R,)."""
        return self.mean.abs().amax((1, 2)) if self.peak is None else self.peak


@dataclass
class Messages:
    """What a layer sends on the way down.

    Attributes
    ----------
    field_in, slope
        H_in (R, K, N); where there is a slope, ``field_in`` + m ∘ ``slope``.
    field_down
        B (R, M, N), None in the first layer.
    g, curvature
        g and Γ (R, M, K), where they are at hand.
    """

    field_in: Tensor
    field_down: Tensor | None
    g: Tensor | None = None
    curvature: Tensor | None = None
    slope: Tensor | None = None


class Layer:
    """A layer of K × N weights and the messages that it exchanges with its neighbours.

    One sweep calls :meth:`forward` on the way up and :meth:`backward` on the way down. Sub-classes say how the
    preactivation's mean is formed (:meth:`preactivation`) and which fields a backward pass sends (:meth:`messages`).

    Attributes
    ----------
    weights
        The belief about the weights.
    omega, variance
        ω and V of the preactivations, (R, M, K), of the last forward pass.
    smallest_ratio
        What :meth:`watch` has kept, (R,); None where a rule does not watch.
    field_down
        B (R, M, N) that the last backward pass sent to the input units; None after a reset and in the first layer.
    """

    def __init__(self, weights: BinaryWeights | GaussianWeights):
        self.weights = weights
        self.is_first = False
        self.keeps_memory = False
        self.smallest_ratio: Tensor | None = None
        self.inputs: LayerInput
        self.omega: Tensor
        self.variance: Tensor
        self.reset()

    def reset(self) -> None:
        """Forget all messages of the last mini-batch; weights and fields stay."""
        self.field_down: Tensor | None = None

    def state(self) -> list[Tensor]:
        """The tensors that outlive a reset."""
        return [*self.weights.state(), *([] if self.smallest_ratio is None else [self.smallest_ratio])]

    def watch(self) -> None:
        """Keep the smallest √V / max|x̂| of each replica: an expansion in the share of one edge needs it large."""
        smallest = self.variance.amin((1, 2)) if self._smallest_variance is None else self._smallest_variance
        ratio = smallest.sqrt().div_(self.inputs.largest())
        if self.smallest_ratio is None:
            self.smallest_ratio = ratio
        else:
            torch.minimum(self.smallest_ratio, ratio, out=self.smallest_ratio)

    def forward(self, inputs: LayerInput) -> None:
        """Form ω and V from the moments of the inputs and of the weights."""
        self.inputs = inputs
        self.variance = bmm(inputs.square, self.weights.variance.mT)
        self._smallest_variance: Tensor | None = None
        if isinstance(self.weights, BinaryWeights) and loops.serve(self.variance, self.weights.mean):
            self._smallest_variance = self._settle(inputs, self.weights)
        else:
            if inputs.variance is not None:
                self.variance += self.weights.spread(inputs.variance)
            self.variance = floored(self.variance, inputs.mean_square * self.weights.mean_square())
        self.omega = self.preactivation(inputs)
        self._channel: Channel | None = None

    def _settle(self, inputs: LayerInput, weights: BinaryWeights) -> Tensor:
        """Complete V in one loop; the smallest of each replica."""
        delta = inputs.variance
        if delta is not None and weights.mask is not None:
            self.variance += weights.spread(delta)
            delta = None
        mean_square = inputs.mean_square if isinstance(inputs.mean_square, Tensor) else None
        return loops.settle(self.variance, delta, mean_square, VARIANCE_FLOOR)

    @property
    def channel(self) -> Channel:
        """The sign activation at the ω and V of the last forward pass."""
        if self._channel is None:
            has_loops = loops.serve(self.omega, self.variance)
            self._channel = (CompiledPreactivation if has_loops else Preactivation)(self.omega, self.variance)
        return self._channel

    def output(self, field_down: Tensor | None) -> LayerInput:
        """What the layer above receives: the moments of the units in its field B, None before it has sent one."""
        units = self.channel.moments(field_down)
        return LayerInput(units.mean, units.square, 1.0, units.variance, units.field, units.peak)

    def backward(self, field_top: Tensor, rule: UpdateRule) -> None:
        """Send B down and update the weights.

        ``field_top`` (R, M, K) is the field on the output units: that of the layer above, or y·∞.
        """
        messages = self.messages(field_top)
        self.field_down = messages.field_down
        if not self.weights.frozen:
            precision_in = self._precision_in(messages) if self.weights.needs_precision else None
            self.weights.update(messages.field_in, precision_in, rule, messages.slope)

    def preactivation(self, inputs: LayerInput) -> Tensor:
        """ω (R, M, K)."""
        return bmm(inputs.mean, self.weights.mean.mT)

    def messages(self, field_top: Tensor) -> "Messages":
        """What the field on the output units makes the layer send to its weights and its input units."""
        raise NotImplementedError

    def score(self, field_top: Tensor) -> Tensor:
        """g of the layer's sign activation at the full (non-cavity) ω and V."""
        return self.channel.score(field_top)

    def _precision_in(self, messages: "Messages") -> Tensor:
        """G_in = Σ_a [(x̂² + Δ) Γ − Δ g²], what a real weight's precision receives."""
        g, curvature = messages.g, messages.curvature
        assert g is not None
        if curvature is None:
            curvature = self.channel.curvature(g)
        square, delta = self.inputs.square, self.inputs.variance
        if delta is None:
            return bmm(curvature.mT, square)
        return bmm(curvature.mT, square + delta) - bmm((g * g).mT, delta)
