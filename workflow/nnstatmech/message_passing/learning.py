"""Posterior as prior: learning from a stream of mini-batches by message passing.

How to use it::

    network = build_network([784, 101, 101, 1], "amp", seeds=[0, 1])          # two replicas, computed together
    learner = Learner(network, LearningSettings(rho=[1.0001, 1.0001, 0.9], damping=0.8))
    for inputs, labels in batches:                                            # (2, M, 784) and (2, M), labels ±1
        learner.train_batch(inputs, labels)
    observables.pointwise_error(network, inputs, labels)

One batch problem (a perceptron, a full batch) is one call of :meth:`Learner.train_batch` with ``rho=0`` and as many
sweeps as wanted; to look at every sweep call :meth:`Learner.start_batch` once and :meth:`Learner.sweep` per sweep, and
read ``network.layers[0].weights.mean``. An external field on the weights is ``weights.prior_field``, which ``rho=0``
leaves alone.

Every hyper-parameter may differ from replica to replica and from layer to layer: a number; a list with one value a
layer; or a tensor that broadcasts to (layers, replicas).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from . import observables
from .checks import check_batch
from .layers.amp import AMPLayer
from .layers.bpi import BPILayer
from .network import Network
from .weights import GaussianWeights, UpdateRule

SWEEPS_BEFORE_GROWTH = 10
BATCHES_BETWEEN_KERNEL_CHOICES = 64
FIELD_LIMIT = 2.0**24
LARGEST_EXPANSION_RATIO = 1e6  # recorded; units that are all undecided have an infinite one

Hyperparameter = float | Sequence[float] | Tensor


@dataclass(frozen=True)
class LearningSettings:
    """How mini-batches follow each other.

    Attributes
    ----------
    rho
        ρ: a batch's prior field is ρ times the field that the last batch left. If all are 0 the prior stays as it is.
    damping
        ψ: m ← ψ m + (1 − ψ) tanh H, across sweeps and batches.
    reinforcement, reinforcement_step
        r: H = H_in + r H_old + θ within a batch; after ten sweeps r ← 1 − (1 − r)(1 − step) each sweep. With
        ``focusing`` the coupling γ, which grows by a factor 1 + step each sweep.
    focusing
        y > 1: focusing belief propagation; 0: off.
    max_sweeps
        τ_max, sweeps a batch.
    stop
        ``never``; ``converged`` when the mean change of m in every layer is below ``tolerance``; ``solved`` when the
        point-wise network makes no error on the batch. Decided for each replica on its own.
    reset_messages
        Forget all messages between batches; False imitates early published figures.
    field_limit
        |H| is clamped there. The default is 2²⁴: in float32 a larger field no longer feels increments of order one.
    """

    rho: Hyperparameter = 1.0
    damping: Hyperparameter = 0.8
    reinforcement: Hyperparameter = 0.0
    reinforcement_step: float = 0.0
    focusing: float = 0.0
    max_sweeps: int = 1
    stop: str = "never"
    tolerance: float = 1e-4
    reset_messages: bool = True
    field_limit: float = FIELD_LIMIT


class Learner:
    """Trains a :class:`Network`, batch after batch.

    Attributes
    ----------
    network
        The network; its weights are updated in place.
    sweeps
        Sweeps of the last batch.

    Raises
    ------
    ValueError
        If focusing is asked of real weights, or a list of hyper-parameters has not one value a layer.
    """

    def __init__(self, network: Network, settings: LearningSettings):
        if settings.focusing and any(isinstance(layer.weights, GaussianWeights) for layer in network.layers):
            raise ValueError("focusing: is defined for weights of ±1, and a layer has real ones; set it to 0")
        self.network, self.settings = network, settings
        self.sweeps = 0
        weights = network.layers[0].weights.mean
        shape = (len(network.layers), len(weights))
        self._rho = per_layer(settings.rho, shape, weights)
        self._damping = per_layer(settings.damping, shape, weights)
        self._reinforcement = per_layer(settings.reinforcement, shape, weights)
        self._uses_prior = is_used(settings.rho)
        self._reinforces = is_used(settings.reinforcement) or settings.reinforcement_step != 0
        for layer in network.layers:
            layer.keeps_memory = settings.max_sweeps > 1 or not settings.reset_messages

    def train_batch(self, inputs: Tensor, labels: Tensor) -> None:
        """All sweeps of one mini-batch: inputs (R, M, N_0), labels (R, M), ±1 or the classes.

        Raises
        ------
        ValueError
            If an input is not finite, or a label is not one that the network has.
        """
        check_batch(inputs, labels, self.network.classes)
        self.learn_batch(inputs, labels)

    def learn_batch(self, inputs: Tensor, labels: Tensor) -> None:
        """:meth:`train_batch` for images that have been checked before: nothing is looked at, no device waited for."""
        self.start_batch()
        top_field = self.network.top_field(labels)
        active = None
        for sweep in range(self.settings.max_sweeps):
            before = [layer.weights.mean.clone() for layer in self.network.layers] if self._can_stop else None
            self.sweep(inputs, top_field, sweep, active)
            if before is not None:
                running = ~self._stopped(before, inputs, labels)
                active = running if active is None else active & running
                if not active.any():
                    break

    def start_batch(self) -> None:
        """The last posterior becomes the prior, and the messages are forgotten."""
        if self._uses_prior:
            for layer, rho in zip(self.network.layers, self._rho, strict=True):
                if not layer.weights.frozen:
                    layer.weights.set_prior(rho)
        if self.settings.reset_messages:
            self.network.reset()

    def sweep(self, inputs: Tensor, top_field: Tensor, sweep: int = 0, active: Tensor | None = None) -> None:
        """Sweep number ``sweep`` (from 0) of a batch; ``active`` (R,) marks the replicas whose weights may change."""
        self.network.sweep(inputs, top_field, self._rules(sweep, active))
        self.sweeps = sweep + 1

    def after_batch(self, batch: int) -> None:
        """Let every BPI layer decide between series and exact kernel, at the same mini-batches on every device.

        The decision reads a number back, for which a GPU has to wait: hence not after every mini-batch.

        Parameters
        ----------
        batch
            Number of the mini-batch in its epoch, from 0.
        """
        if batch % BATCHES_BETWEEN_KERNEL_CHOICES == 0:
            for layer in self.network.layers:
                if isinstance(layer, BPILayer):
                    layer.choose_kernels()

    def kernel_plan(self) -> tuple[tuple[int, ...] | None, ...]:
        """For every layer the replicas on the exact kernel, or None where the rule knows no such choice."""
        return tuple(
            tuple(layer.exact_replicas) if isinstance(layer, BPILayer) and layer.series_order is not None else None
            for layer in self.network.layers
        )

    def decisions(self) -> list[Tensor]:
        """The point-wise weights of every layer, (R, K, N)."""
        return [layer.weights.decide() for layer in self.network.layers]

    def state(self) -> list[Tensor]:
        """Every tensor that lasts from one batch to the next, where messages are reset; all are updated in place."""
        return [tensor for layer in self.network.layers for tensor in layer.state()]

    def predictors(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Output preactivations of inputs (R, M, N_0): point-wise (no prefix) and averaged over the posterior."""
        decisions = self.decisions()
        return {
            "": lambda inputs: observables.pointwise_outputs(decisions, inputs),
            "bayes_": lambda inputs: observables.bayesian_outputs(self.network, inputs),
        }

    def observe(self) -> Iterator[tuple[str, int, list[float]]]:
        """The state of the weights: quantity, layer, one value a replica."""
        yield from observables.sign_overlaps(self.decisions(), [layer.weights.mask for layer in self.network.layers])
        for index, (layer, exact) in enumerate(zip(self.network.layers, self.kernel_plan(), strict=True)):
            yield from (
                (quantity, index, values.tolist())
                for quantity, values in observables.weight_state(
                    layer.weights.mean, layer.weights.field, layer.weights.mask
                ).items()
            )
            if exact is not None:
                yield "exact_kernel", index, [float(r in exact) for r in range(len(layer.weights.mean))]
            if isinstance(layer, AMPLayer) and layer.smallest_ratio is not None:
                yield "expansion_ratio", index, layer.smallest_ratio.clamp(max=LARGEST_EXPANSION_RATIO).tolist()
                layer.smallest_ratio.fill_(torch.inf)

    def diverged(self) -> tuple[list[bool], list[bool]]:
        """Which replicas have a field at its limit or a number that is not finite; and which of them the latter.

        Replicas that are not finite are taken out of the computation, so that the others go on undisturbed.
        """
        layers = self.network.layers
        largest = torch.stack([layer.weights.field.abs().amax((1, 2)) for layer in layers]).amax(0)
        finite = torch.stack([layer.weights.mean.isfinite().all(-1).all(-1) for layer in layers]).all(0)
        finite &= largest.isfinite()
        lost = [not is_finite for is_finite in finite.tolist()]
        for replica, is_lost in enumerate(lost):
            if is_lost:
                self.network.silence(replica)
        limit = self.settings.field_limit
        return [gone or field >= limit for gone, field in zip(lost, largest.tolist(), strict=True)], lost

    @property
    def _can_stop(self) -> bool:
        return self.settings.stop != "never" and self.settings.max_sweeps > 1

    def _rules(self, sweep: int, active: Tensor | None) -> list[UpdateRule]:
        settings = self.settings
        mask = None if active is None else active.view(-1, 1, 1)
        if settings.focusing > 0:
            coupling = self._reinforcement * (1 + settings.reinforcement_step) ** sweep
            couplings, reinforcements = coupling, [0.0] * len(coupling)
        else:
            growth = (1 - settings.reinforcement_step) ** max(0, sweep - SWEEPS_BEFORE_GROWTH)
            couplings = [0.0] * len(self._reinforcement)
            reinforcements = 1 - (1 - self._reinforcement) * growth if self._reinforces else couplings
        return [
            UpdateRule(damping, reinforcement, coupling, settings.focusing, settings.field_limit, mask)
            for damping, reinforcement, coupling in zip(self._damping, reinforcements, couplings, strict=True)
        ]

    def _stopped(self, before: list[Tensor], inputs: Tensor, labels: Tensor) -> Tensor:
        if self.settings.stop == "solved":
            return observables.pointwise_error(self.network, inputs, labels) == 0
        changes = [
            (layer.weights.mean - old).abs().mean((1, 2))
            for layer, old in zip(self.network.layers, before, strict=True)
        ]
        return torch.stack(changes).amax(0) < self.settings.tolerance


def is_used(value: Hyperparameter) -> bool:
    """Whether a hyper-parameter, as it was given, differs from 0 anywhere."""
    return bool((torch.as_tensor(value) != 0).any())


def per_layer(value: Hyperparameter, shape: tuple[int, int], like: Tensor) -> Tensor:
    """A hyper-parameter as a tensor (layers, replicas, 1, 1); a flat list has one value a layer.

    Raises
    ------
    ValueError
        If a list has not one value a layer.
    """
    tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    if tensor.ndim == 1:
        if len(tensor) != shape[0]:
            raise ValueError(f"a list of {len(tensor)} values for {shape[0]} layers; give one value a layer")
        tensor = tensor.unsqueeze(-1)
    return tensor.expand(shape).reshape(*shape, 1, 1).clone()
