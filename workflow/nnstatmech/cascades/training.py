"""The training loop of the family, the updates that it makes, and the accuracy that is reached.

:func:`train` shows minibatches to an *update*, which moves the parameters once a call: :class:`Descent` with an
optimiser of PyTorch, or :class:`MomentumDescent`, whose gradients are written out for ensembles of dense networks.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ..allocator import keep_freed_memory
from ..products import baddbmm, baddbmm_, bmm
from ..storage.checkpoints import Checkpoint
from .hyperbolic import tanh, tanh_, tanh_gradient
from .networks import Dense, LayerParameters, linear

Result = TypeVar("Result")


def train(
    update: Callable[..., Result], batches: Iterable[tuple], after_step: Callable[[], object] = lambda: None
) -> list[Result]:
    """Call ``update(*batch)`` for every minibatch.

    Parameters
    ----------
    update
        Makes one step.
    batches
        The arguments of every step, usually images and labels.
    after_step
        Called once a step, for a progress bar.

    Returns
    -------
    list
        What the update returned, one entry a step: usually the loss before it.
    """
    keep_freed_memory()  # every step makes activations and their gradients anew
    results = []
    for batch in batches:
        results.append(update(*batch))
        after_step()
    return results


def train_on(
    descent: "Descent[Result]", batches: Sequence[tuple], after_step: Callable[[], object], checkpoint: Checkpoint
) -> list[Result]:
    """:func:`train`, from where a job that was killed had come."""
    results: list[Result] = []
    if course := checkpoint.load():
        descent.restore(course["descent"])
        results = course["results"]
    for _ in results:
        after_step()

    def step(*batch) -> None:
        results.append(descent(*batch))
        checkpoint.offer(lambda: {"descent": descent.state(), "results": results})

    train(step, batches[len(results) :], after_step)
    return results


@dataclass(frozen=True)
class Descent(Generic[Result]):
    """A step of an optimiser of PyTorch, and of a schedule of its learning rate.

    Attributes
    ----------
    optimiser
        Holds the parameters.
    gradients
        Sets their gradients from a minibatch and returns what is to be recorded (see :func:`backward`).
    """

    optimiser: torch.optim.Optimizer
    gradients: Callable[..., Result]
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None

    @property
    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [tensor for group in self.optimiser.param_groups for tensor in group["params"]]

    def state(self) -> dict[str, Any]:
        """All that the next step needs."""
        return {
            "parameters": [tensor.detach() for tensor in self.parameters],
            "optimiser": self.optimiser.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`, with the tensors that are trained already."""
        for tensor, saved in zip(self.parameters, state["parameters"], strict=True):
            tensor.data.copy_(saved)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])

    def __call__(self, *batch) -> Result:
        self.optimiser.zero_grad()
        result = self.gradients(*batch)
        self.optimiser.step()
        if self.schedule is not None:
            self.schedule.step()
        return result


def backward(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Gradients of a scalar loss by automatic differentiation; what is returned is the loss.

    The loss of E networks side by side is the *sum* of their own mean losses: no gradient mixes networks.
    """

    def gradients(*batch) -> Tensor:
        value = loss(*batch)
        value.backward()
        return value.detach()

    return gradients


@contextlib.contextmanager
def trainable(parameters: Sequence[LayerParameters]) -> Iterator[list[Tensor]]:
    """The tensors of all layers, which ask for gradients inside the block and no longer after it."""
    tensors = [tensor for pairs in parameters for pair in pairs for tensor in pair if tensor is not None]
    for tensor in tensors:
        tensor.requires_grad_()
    try:
        yield tensors
    finally:
        for tensor in tensors:
            tensor.requires_grad_(False)
            tensor.grad = None


def weight_and_bias(parameters: LayerParameters) -> tuple[Tensor, Tensor]:
    """Both tensors of a dense layer with a bias."""
    ((weight, bias),) = parameters
    if bias is None:
        raise ValueError("gradients are written out for layers with a bias only")
    return weight, bias


class MomentumDescent:
    """Stochastic gradient descent with momentum on the cross-entropy of E dense networks, in place.

    The update is v ← μ v + ∇, w ← w - η v (PyTorch's convention). Gradients are written out by hand: three batched
    products a layer and step, the last of which also applies the momentum, against five and a copy of all gradients
    with automatic differentiation.

    Parameters
    ----------
    layers
        Dense layers with biases; each activation is :func:`.hyperbolic.tanh` or :func:`.networks.linear`.
    parameters
        Their weights and biases; they are changed by each call.
    learning_rate, momentum
        η and μ.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        parameters: Sequence[LayerParameters],
        learning_rate: float,
        momentum: float = 0.0,
    ):
        for layer in layers:
            if layer.activation not in (tanh, linear):
                raise ValueError(f"gradients are written out for tanh and linear layers only, not {layer.activation}")
        self.layers = layers
        self.learning_rate, self.momentum = learning_rate, momentum
        pairs = [weight_and_bias(own) for own in parameters]
        self.weights, self.biases = [weight for weight, _ in pairs], [bias for _, bias in pairs]
        self.weight_velocities = [torch.zeros_like(weight) for weight in self.weights]
        self.bias_velocities = [torch.zeros_like(bias) for bias in self.biases]

    @property
    def parameters(self) -> list[LayerParameters]:
        """What the networks have become, layer by layer."""
        return [[pair] for pair in zip(self.weights, self.biases, strict=True)]

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these networks alone, numbered from 0; the parameters that were given stay as they are."""
        for tensors in (self.weights, self.biases, self.weight_velocities, self.bias_velocities):
            tensors[:] = [tensor[list(members)] for tensor in tensors]

    @torch.no_grad()
    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """One step on a batch of each network.

        Parameters
        ----------
        images, labels
            Shapes (E or 1, batch, pixels) and (E, batch).

        Returns
        -------
        Tensor
            Cross-entropy of each network before the step, averaged over its batch, shape (E,).
        """
        activations = [images.expand(len(self.weights[0]), -1, -1)]
        for layer, weight, bias in zip(self.layers, self.weights, self.biases, strict=True):
            units = baddbmm(bias, activations[-1], weight)
            activations.append(tanh_(units) if layer.activation is tanh else units)
        scores = activations[-1].log_softmax(-1)
        target = labels.unsqueeze(-1)
        losses = -scores.gather(-1, target).mean((1, 2))
        # Gradient of the loss with respect to the output: (probability - 1 at the label) / batch.
        delta = scores.exp_()
        delta.scatter_add_(-1, target, torch.full_like(target, -1, dtype=delta.dtype))
        delta /= labels.shape[-1]
        self.move(activations, delta)
        return losses

    def move(self, activations: Sequence[Tensor], delta: Tensor) -> None:
        """Move all layers; ``delta`` is the gradient with respect to the last of the ``activations``."""
        sums = []
        for position in reversed(range(len(self.layers))):
            if self.layers[position].activation is tanh:
                delta = tanh_gradient(delta, activations[position + 1])
            baddbmm_(self.weight_velocities[position], activations[position].mT, delta, beta=self.momentum)
            sums.append(delta.sum(1, keepdim=True))
            if position:
                delta = bmm(delta, self.weights[position].mT)
        # All layers in one call each: on a GPU one kernel instead of hundreds.
        add, multiply = torch.ops.aten._foreach_add_.List, torch.ops.aten._foreach_mul_.Scalar
        multiply(self.bias_velocities, self.momentum)
        add(self.bias_velocities, sums[::-1])
        add(self.weights, self.weight_velocities, alpha=-self.learning_rate)
        add(self.biases, self.bias_velocities, alpha=-self.learning_rate)


def hits(outputs: Tensor, labels: Tensor) -> Tensor:
    """How many of n images have their largest output at their label: (..., n, classes) to (...), float64.

    NaN where an output is not finite: the network has diverged.
    """
    right = (outputs.argmax(-1) == labels).sum(-1).double()
    return torch.where(outputs.isfinite().all(-1).all(-1), right, torch.nan)


def chance(labels: Tensor) -> float:
    """Accuracy of guessing one of the classes 0, ..., C - 1 of ``labels``: what a network that has diverged reaches."""
    return 1 / (int(labels.max()) + 1)


@torch.no_grad()
def accuracy(outputs: Callable[[Tensor], Tensor], images, labels: Tensor, at_once: int) -> Tensor:
    """Fraction of images that a network (or each of E) gives their labels; NaN where it has diverged.

    Parameters
    ----------
    outputs
        Images to outputs (n, classes) or (E, n, classes).
    images, labels
        Anything that can be cut into slices, and labels (n,).
    at_once
        Images at once: bounds the memory of wide ensembles.

    Returns
    -------
    Tensor
        Float64, shape () or (E,).
    """
    right = [
        hits(outputs(images[start : start + at_once]), labels[start : start + at_once])
        for start in range(0, len(labels), at_once)
    ]
    return torch.stack(right).sum(0) / len(labels)
