"""Gradients along fully connected random networks: the mean square of J^T g for a Gaussian cotangent g at the output.

The network of a realisation is the one that :func:`nnstatmech.moments.propagation.propagate` takes noise through with
``weights: drawn``. No weights are kept for the way back: their streams are rewound, and they are drawn again.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..devices import tensor_float_32
from ..products import bmm
from .activations import activate
from .networks import (
    Block,
    GaussianWeights,
    batch_normalise,
    hidden_std,
    lecun_std,
    project_out_statistics,
)
from .params import Propagation
from .propagation import LAYERS_BETWEEN_RESCALING, Measurements, rescale_in_place, signal_has_no_scale


class Passed(NamedTuple):
    """What the way back needs of one layer.

    Attributes
    ----------
    states
        Of the streams before its weights were drawn.
    active
        What entered its activation, (realisations, images, width).
    scale
        1 / standard deviation of what was normalised, (realisations, 1, width); None without normalisation.
    """

    states: list[Tensor]
    active: Tensor
    scale: Tensor | None


class Network:
    """One fully connected network a realisation, forwards for the signal and backwards for gradients.

    Parameters
    ----------
    params
        The network.
    seeds
        Realisations.
    device
        Where they are computed.
    """

    def __init__(self, params: Propagation, seeds: Sequence[int], device: torch.device):
        self.params = params
        self.weights = GaussianWeights(seeds, device)
        self.biases = GaussianWeights(seeds, device, "biases") if params.bias_variance else None
        self.matrices = torch.empty(len(seeds), params.width, 1, 1, params.width, device=device)
        self.bias = torch.empty(len(seeds), 1, params.width, device=device)
        self.passed: list[Passed] = []

    def first(self, signal: Tensor) -> Tensor:
        """x^0 of images (realisations, images, features)."""
        weights = torch.empty(len(signal), self.params.width, 1, 1, signal.shape[2], device=signal.device)
        self.weights.fill(weights, lecun_std(signal.shape[2]))
        return bmm(signal, weights[:, :, 0, 0].mT)

    def draw(self) -> Tensor:
        """The next weights, (realisations, outputs, inputs)."""
        self.weights.fill(self.matrices, hidden_std(self.params.weight_variance, self.params.width))
        return self.matrices[:, :, 0, 0]

    def apply_weights(self, signal: Tensor) -> Tensor:
        with tensor_float_32(self.params.tf32):
            outputs = bmm(signal, self.draw().mT)
        if self.biases is not None:
            self.biases.fill(self.bias, math.sqrt(self.params.bias_variance))
            outputs += self.bias
        return outputs

    def normalised(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised signal and the scale: ones that are normalised as noise is, with statistics held."""
        block = Block(signal.clone(), torch.ones_like(signal[:, :1]))
        batch_normalise([block], self.params.epsilon)
        return block.signal, block.noise

    def activated(self, signal: Tensor) -> Tensor:
        """phi of the signal."""
        result = torch.empty_like(signal), torch.empty_like(signal)
        activate(self.params.activation, signal, torch.zeros_like(signal), into=result)
        return result[0]

    def layer(self, signal: Tensor) -> Tensor:
        """Weights, normalisation, activation."""
        states = self.weights.states()
        active, scale = self.apply_weights(signal), None
        if self.params.architecture == "bn_ff":
            active, scale = self.normalised(active)
        self.passed.append(Passed(states, active, scale))
        return self.activated(active)

    def unit(self, trunk: Tensor) -> Tensor:
        """trunk + [normalisation, activation, weights] x residual depth."""
        branch = trunk
        for _ in range(self.params.residual_depth):
            active, scale = self.normalised(branch)
            self.passed.append(Passed(self.weights.states(), active, scale))
            branch = self.apply_weights(self.activated(active))
        return trunk + branch

    def through_weights(self, gradient: Tensor, passed: Passed) -> Tensor:
        self.weights.rewind(passed.states)
        with tensor_float_32(self.params.tf32):
            return bmm(gradient, self.draw())

    def through_activation(self, gradient: Tensor, passed: Passed) -> Tensor:
        """Back through the activation, and through what normalised its argument."""
        result = torch.empty_like(gradient), torch.empty_like(gradient)
        activate(self.params.activation, passed.active, gradient, into=result)
        if passed.scale is None:
            return result[1]
        if self.params.batch_statistics == "differentiated":
            project_out_statistics([passed.active], [result[1]])
        return result[1] * passed.scale

    def layer_backwards(self, gradient: Tensor) -> Tensor:
        """From the gradient at the output of the last layer that is left to the one at its input."""
        passed = self.passed.pop()
        return self.through_weights(self.through_activation(gradient, passed), passed)

    def unit_backwards(self, gradient: Tensor) -> Tensor:
        branch = gradient
        for _ in range(self.params.residual_depth):
            passed = self.passed.pop()
            branch = self.through_activation(self.through_weights(branch, passed), passed)
        return gradient + branch


def pass_forwards(network: Network, signal: Tensor) -> Tensor:
    """The signal at the last layer, from images (realisations, images, features)."""
    params = network.params
    step = network.unit if params.architecture == "bn_res" else network.layer
    state = network.first(signal)
    for layer in range(1, params.depth + 1):
        state = step(state)
        if layer % LAYERS_BETWEEN_RESCALING == 0 and signal_has_no_scale(params):
            rescale_in_place([state])
    return state


@torch.inference_mode()
def gradient_moments(params: Propagation, signal: Tensor, seeds: Sequence[int]) -> Measurements:
    """Mean square of gradients at the outputs of the measured layers (on the trunk of resnets).

    Parameters
    ----------
    params
        The network; ``batch_statistics`` says whether gradients flow through mean and variance of the batch.
    signal
        Normalised images (realisations, images, 1, 1, features).
    seeds
        The realisations: they fix the weights, as in the forward pass, and the cotangents.

    Returns
    -------
    dict
        ("output", "log_mu2_gradient") to a float64 tensor (realisations, measured depths): natural logarithms, near 0
        at the last layer. NaN where no gradient arrives.
    """
    network = Network(params, seeds, signal.device)
    gradient = torch.empty_like(pass_forwards(network, signal[:, :, 0, 0]))
    GaussianWeights(seeds, signal.device, "cotangent").fill(gradient, 1.0)
    step = network.unit_backwards if params.architecture == "bn_res" else network.layer_backwards
    every = params.depth // params.measurements
    log_square = torch.zeros(len(seeds), dtype=torch.float64, device=signal.device)
    measured = []
    for layer in range(params.depth, 0, -1):
        gone = (gradient == 0).all(2).all(1)
        log_square = (log_square + rescale_in_place([gradient])).masked_fill(gone, torch.nan)
        if layer % every == 0:
            measured.append(log_square)
        gradient = step(gradient)
    return {("output", "log_mu2_gradient"): torch.stack(measured[::-1], 1)}
