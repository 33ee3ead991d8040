"""The training loop of the family, the updates that it makes, and the accuracy that is reached.

:func:`train` shows minibatches to an *update*, which moves the parameters once a call: :class:`Descent` with an
optimiser of PyTorch, or :class:`MomentumDescent`, whose gradients are written out for ensembles of dense networks.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

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
    results = []
    for batch in batches:
        results.append(update(*batch))
        after_step()
    return results


@dataclass(frozen=True)
class Descent:
    """A step of an optimiser of PyTorch, and of a schedule of its learning rate.

    Attributes
    ----------
    optimiser
        Holds the parameters.
    gradients
        Sets their gradients from a minibatch and returns what is to be recorded (see :func:`backward`).
    """

    optimiser: torch.optim.Optimizer
    gradients: Callable[..., object]
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None

    def __call__(self, *batch):
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
        Dense layers with biases; each activation is ``torch.tanh`` or :func:`.networks.linear`.
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
            if layer.activation not in (torch.tanh, linear):
                raise ValueError(f"gradients are written out for tanh and linear layers only, not {layer.activation}")
        self.layers, self.parameters = layers, parameters
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocities = [[torch.zeros_like(part) for part in weight_and_bias(own)] for own in parameters]

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """One step on a batch of each network.

        Parameters
        ----------
        images, labels
            Shapes (E, batch, pixels) and (E, batch).

        Returns
        -------
        Tensor
            Cross-entropy of each network before the step, averaged over its batch, shape (E,).
        """
        activations = [images]
        for layer, own in zip(self.layers, self.parameters, strict=True):
            activations.append(layer(own, activations[-1]))
        scores = activations[-1].log_softmax(-1)
        target = labels.unsqueeze(-1)
        losses = -scores.gather(-1, target).mean((1, 2))
        # Gradient of the loss with respect to the output: (probability - 1 at the label) / batch.
        delta = scores.exp_()
        delta.scatter_add_(-1, target, torch.full_like(target, -1, dtype=delta.dtype))
        delta /= labels.shape[-1]
        for position in reversed(range(len(self.layers))):
            delta = self.move(position, activations[position], activations[position + 1], delta)
        return losses

    def move(self, position: int, before: Tensor, after: Tensor, delta: Tensor) -> Tensor:
        """Move one layer and return the gradient with respect to what it sees (for the first layer, after it)."""
        if self.layers[position].activation is torch.tanh:
            delta = torch.addcmul(delta, delta * after, after, value=-1)
        weight, bias = weight_and_bias(self.parameters[position])
        weight_velocity, bias_velocity = self.velocities[position]
        below = torch.bmm(delta, weight.mT) if position else delta  # before the weight moves
        weight_velocity.baddbmm_(before.mT, delta, beta=self.momentum)
        bias_velocity.mul_(self.momentum).add_(delta.sum(1, keepdim=True))
        weight.add_(weight_velocity, alpha=-self.learning_rate)
        bias.add_(bias_velocity, alpha=-self.learning_rate)
        return below


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
