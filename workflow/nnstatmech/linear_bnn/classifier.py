"""A deep linear classifier with a frozen readout, trained exactly at a fraction of the matrix products.

The network is logits = Vᵀ W₂ W₁ x with V frozen. Gradients of W₂ have the form V · (classes × width), so that
W₂(t) = W₂(0) + V A(t) exactly, and the loss sees it only through Q = Vᵀ W₂. The dynamics of (W₁, Q, A) close:
the second of the two large matrices is never multiplied while training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..products import bmm
from ..seeding import torch_stream
from .initialisation import glorot_uniform, glorot_variance


def untrained_scale(inputs: int, width: int) -> float:
    """σ₁ σ₂, the product of the standard deviations of the weights of W₁ and W₂ before training."""
    return (glorot_variance(width, inputs) * glorot_variance(width, width)) ** 0.5


@dataclass
class FrozenReadoutClassifier:
    """An ensemble of networks Vᵀ W₂ W₁ x, one a seed.

    Attributes
    ----------
    first
        W₁, shape (seeds, width, inputs).
    second_initial
        W₂ at the start, shape (seeds, width, width).
    readout
        V, frozen, shape (seeds, width, classes).
    """

    first: Tensor
    second_initial: Tensor
    readout: Tensor

    def __post_init__(self):
        self._gram = self.readout.mT @ self.readout
        self._effective = self.readout.mT @ self.second_initial
        self._coefficients = torch.zeros_like(self._effective)

    @classmethod
    def draw(cls, inputs: int, width: int, classes: int, seeds: Sequence[int], device: torch.device | str = "cpu"):
        """Glorot-uniform weights, each seed's from its own stream."""
        streams = [torch_stream(seed, "classifier", "weights") for seed in seeds]
        shapes = ((width, inputs), (width, width), (classes, width))
        first, second, readout = (
            torch.stack([glorot_uniform(*shape, stream) for stream in streams]).to(device) for shape in shapes
        )
        return cls(first, second, readout.mT)

    def logits(self, x: Tensor) -> Tensor:
        """Logits (seeds, images, classes) of images (seeds or 1, images, inputs)."""
        return x @ (self._effective @ self.first).mT

    def preactivations(self, x: Tensor) -> Tensor:
        """The signal W₂ W₁ x before the readout, shape (seeds, width), for one image (inputs,).

        W₂ = W₂(0) + V A is applied term by term and never formed.
        """
        hidden = (self.first @ x)[..., None]
        return (self.second_initial @ hidden + self.readout @ (self._coefficients @ hidden)).squeeze(-1)

    def transposed_preactivations(self, x: Tensor) -> Tensor:
        """W₂ᵀ W₁ᵀ x: what the original analysis took for :meth:`preactivations`; needs width = inputs."""
        hidden = (self.first.mT @ x)[..., None]
        change = self._coefficients.mT @ (self.readout.mT @ hidden)
        return (self.second_initial.mT @ hidden + change).squeeze(-1)

    def descend(self, x: Tensor, targets: Tensor, learning_rate: float) -> None:
        """One step of gradient descent on the mean cross-entropy of a mini-batch.

        Parameters
        ----------
        x
            Images, shape (seeds, images, inputs).
        targets
            One-hot labels, shape (seeds, images, classes).
        learning_rate
            The step.
        """
        hidden = bmm(x, self.first.mT)
        residual = torch.softmax(hidden @ self._effective.mT, -1).sub_(targets)
        scale = -learning_rate / x.shape[1]
        self.first.baddbmm_(self._effective.mT, residual.mT @ x, alpha=scale)
        change = (residual.mT @ hidden).mul_(scale)
        self._coefficients += change
        self._effective += self._gram @ change
