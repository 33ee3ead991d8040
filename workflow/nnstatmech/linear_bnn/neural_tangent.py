"""Trained linear networks with one output beside the predictors that wide networks converge to.

A wide network f = a·(W x + b) + c of n hidden units with zero initial biases has the tangent kernel
(|a|² + v) x·x' + |a|² + 1 with v = n Var(W): derivatives by W give |a|² x·x', those by a give v x·x', those by b and c
give |a|² and 1. Trained to convergence from a vanishing output it is the least-squares fit of smallest norm with a
constant feature, whose length is :func:`constant_feature`: 1 only if v = 1, as for Glorot's weights with as many hidden
units as inputs.
Without biases and with small readout weights the tangent kernel is that of the prior, x·x', and gradient
descent from a draw of the prior ends in a draw of the Gaussian process posterior.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..seeding import torch_stream
from .initialisation import glorot_uniform, glorot_variance


def constant_feature(inputs: int, width: int) -> float:
    """Length of the constant feature beside the inputs in the wide tangent kernel, for Glorot's weights.

    √((|a|² + 1) / (|a|² + v)) with |a|² = 2n/(n + 1) and v = 2n/(n + inputs) for n hidden units.
    """
    readout = width * glorot_variance(1, width)
    return ((readout + 1) / (readout + width * glorot_variance(width, inputs))) ** 0.5


@dataclass
class BiasedNetwork:
    """An ensemble of networks f = a·(W x + b) + c, one a seed.

    Attributes
    ----------
    weight, readout
        W (seeds, width, inputs) and a (seeds, width, 1).
    bias, constant
        b (seeds, width, 1) and c (seeds, 1, 1).
    """

    weight: Tensor
    readout: Tensor
    bias: Tensor
    constant: Tensor

    @classmethod
    def draw(cls, inputs: int, width: int, seeds: Sequence[int], device: torch.device | str = "cpu"):
        """Glorot-uniform weights and zero biases, each seed's from its own stream."""
        streams = [torch_stream(seed, "neural_tangent", "weights") for seed in seeds]
        weight = torch.stack([glorot_uniform(width, inputs, stream) for stream in streams]).to(device)
        readout = torch.stack([glorot_uniform(1, width, stream) for stream in streams]).to(device)
        return cls(
            weight,
            readout.mT.contiguous(),
            weight.new_zeros(len(weight), width, 1),
            weight.new_zeros(len(weight), 1, 1),
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (seeds, images) of images (seeds or 1, images, inputs)."""
        effective = self.readout.mT @ self.weight
        offset = self.readout.mT @ self.bias + self.constant
        return (x @ effective.mT + offset).squeeze(-1)

    def descend(self, x: Tensor, target: float, learning_rate: float) -> None:
        """One step of gradient descent on the mean squared error of images (seeds, images, inputs).

        With one output the hidden units of the images are never needed: the outputs are those of the end-to-end
        vector aᵀW, and the gradient by W is the outer product of a and Σ residual · x.
        """
        effective = self.readout.mT @ self.weight
        residual = effective @ x.mT + (self.readout.mT @ self.bias + self.constant - target)
        residual *= -2 * learning_rate / x.shape[1]
        total = residual.sum(-1, keepdim=True)
        pull = residual @ x
        change = self.weight @ pull.mT + self.bias * total
        for weight, readout, row in zip(self.weight, self.readout, pull, strict=True):
            weight.addr_(readout[:, 0], row[0])
        self.bias += self.readout * total
        self.constant += total
        self.readout += change


def least_squares_outputs(x: Tensor, targets: Tensor, at: Tensor, constant: float, tolerance: float = 1e-6) -> Tensor:
    """Outputs at images ``at`` of the linear least-squares fit of smallest norm.

    Parameters
    ----------
    x, targets
        Training images (images, inputs) and targets (images,).
    at
        Images (count, inputs).
    constant
        Length of a constant feature that is added to the pixels: the predictor of the tangent kernel
        x·x' + constant²; at 0 of the kernel x·x', the mean of the Gaussian process without noise.
    tolerance
        Directions in which the images extend less than this fraction of the largest are left out.
    """
    x, targets, at = x.double(), targets.double(), at.double()
    if constant:
        x, at = (torch.cat([images, images.new_full((len(images), 1), constant)], 1) for images in (x, at))
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    kept = s > tolerance * s[0]
    return at @ (vt[kept].T @ ((u[:, kept].T @ targets) / s[kept]))


def linearised_outputs(weights: Sequence[Tensor], x: Tensor, targets: Tensor, at: Tensor) -> Tensor:
    """Outputs of the linearisation of each network f = a·W x around its weights, trained to convergence.

    f₀ + Θ(at, x) Θ(x, x)⁻¹ (y - f₀(x)) with the tangent kernel Θ(x, x') = |a|² x·x' + (W x)·(W x').

    Parameters
    ----------
    weights
        W (width, inputs, networks) and a (1, width, networks).
    x, targets
        Training images (P, inputs) and targets (P,).
    at
        Images (T, inputs).

    Returns
    -------
    Tensor
        Shape (networks, T), float64.
    """
    first, readout = (weight.double().movedim(-1, 0) for weight in weights)
    x, at = x.double(), at.double()
    hidden, hidden_at = first @ x.T, first @ at.T
    size = readout.square().sum(-1, keepdim=True)
    kernel = size * (x @ x.T) + hidden.mT @ hidden
    cross = size * (at @ x.T) + hidden_at.mT @ hidden
    residual = targets.double() - (readout @ hidden).squeeze(1)
    change = cross @ torch.linalg.solve(kernel, residual[..., None])
    return (readout @ hidden_at).squeeze(1) + change.squeeze(-1)
