"""Gradient descent on an ensemble of tanh networks at once, to see which initialisations train.

Gradients are written out by hand: three batched products a layer and step, the last of which also applies the
momentum, against five and a copy of all gradients with automatic differentiation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .networks import Dense, wide_body

EVALUATION_CHUNK = 512  # images at once: bounds the memory of wide ensembles

Parameters = list[tuple[Tensor, Tensor]]  # weight (E, inputs, outputs) and bias (E, 1, outputs) of each layer


def linear(x: Tensor) -> Tensor:
    """The identity, as the activation of a readout of logits."""
    return x


def wide_classifier(inputs: int, depth: int, classes: int = 10) -> list[Dense]:
    """``depth`` square tanh layers and a linear readout of logits."""
    return [*wide_body(inputs, depth), Dense(inputs, classes, linear)]


class MomentumDescent:
    """Stochastic gradient descent with momentum on the cross-entropy of E networks, in place.

    The update is v ← μ v + ∇, w ← w - η v (PyTorch's convention).

    Parameters
    ----------
    layers
        Dense layers with biases; each activation is ``torch.tanh`` or :func:`linear`.
    parameters
        Their weights and biases; they are changed by :meth:`step`.
    learning_rate, momentum
        η and μ.
    """

    def __init__(self, layers: Sequence[Dense], parameters: Parameters, learning_rate: float, momentum: float = 0.0):
        for layer in layers:
            if layer.activation not in (torch.tanh, linear):
                raise ValueError(f"gradients are written out for tanh and linear layers only, not {layer.activation}")
        self.layers, self.parameters = layers, parameters
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocities = [(torch.zeros_like(weight), torch.zeros_like(bias)) for weight, bias in parameters]

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
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
        for layer, pair in zip(self.layers, self.parameters, strict=True):
            activations.append(layer([pair], activations[-1]))
        scores = activations[-1].log_softmax(-1)
        target = labels.unsqueeze(-1)
        losses = -scores.gather(-1, target).mean((1, 2))
        # Gradient of the loss with respect to the output: (probability - 1 at the label) / batch.
        delta = scores.exp_()
        delta.scatter_add_(-1, target, torch.full_like(target, -1, dtype=delta.dtype))
        delta /= labels.shape[-1]
        for position in reversed(range(len(self.layers))):
            delta = self._update(position, activations[position], activations[position + 1], delta)
        return losses

    def _update(self, position: int, before: Tensor, after: Tensor, delta: Tensor) -> Tensor | None:
        """Move one layer and return the gradient with respect to what it sees (None for the first layer)."""
        if self.layers[position].activation is torch.tanh:
            delta = torch.addcmul(delta, delta * after, after, value=-1)
        (weight, bias), (weight_velocity, bias_velocity) = self.parameters[position], self.velocities[position]
        below = torch.bmm(delta, weight.mT) if position else None  # before the weight moves
        weight_velocity.baddbmm_(before.mT, delta, beta=self.momentum)
        bias_velocity.mul_(self.momentum).add_(delta.sum(1, keepdim=True))
        weight.add_(weight_velocity, alpha=-self.learning_rate)
        bias.add_(bias_velocity, alpha=-self.learning_rate)
        return below


def accuracies(layers: Sequence[Dense], parameters: Parameters, images: Tensor, labels: Tensor) -> Tensor:
    """Fraction of images (n, pixels) whose label is the largest output, shape (E,); NaN for diverged networks."""
    hits = 0
    for x, label in zip(images.split(EVALUATION_CHUNK), labels.split(EVALUATION_CHUNK), strict=True):
        x = x.unsqueeze(0)
        for layer, pair in zip(layers, parameters, strict=True):
            x = layer([pair], x)
        hit = (x.argmax(-1) == label).sum(-1).double()
        hits = hits + torch.where(x.isfinite().all(-1).all(-1), hit, torch.nan)
    return hits / len(labels)
