"""Inference problems and how they are drawn: who knows what, and through which layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ...seeding import torch_stream
from ..channels.activation import ACTIVATIONS, Channel
from .priors import Prior, prior_of


@dataclass(frozen=True)
class LayerModel:
    """One layer of R problems.

    Attributes
    ----------
    channel
        What the layer's K output units do with their preactivations.
    weights
        The true weights (R, K, N), divided by √N already.
    prior
        Of the weights without that division; None where the weights are known.
    """

    channel: Channel
    weights: Tensor
    prior: Prior | None = None

    @property
    def scale(self) -> float:
        """1/√N, which multiplies unknown weights."""
        return self.weights.shape[-1] ** -0.5


@dataclass(frozen=True)
class Problem:
    """R problems that are solved together.

    Attributes
    ----------
    layers
        From the input to the output.
    inputs
        The true x⁰ (R, M, N_0): M = 1 where it is to be found.
    prior
        Of the signal x⁰; None where it is known and weights are to be found.
    outputs
        y (R, M, N_{L+1}).
    """

    layers: Sequence[LayerModel]
    inputs: Tensor
    prior: Prior | None
    outputs: Tensor


def draw_problem(
    seeds: Sequence[int],
    widths: Sequence[int],
    activations: Sequence[str],
    *,
    unknown: str,
    prior: str = "binary",
    noise: float | Sequence[float] = 0.0,
    bias: float = 0.0,
    patterns: int = 1,
) -> Problem:
    """Problems whose truth is drawn from the model itself, one a seed.

    Parameters
    ----------
    widths
        [N_0, …, N_{L+1}].
    activations
        ``sign``, ``relu`` or ``identity`` of each layer's outputs.
    unknown
        ``signal``: known Gaussian weights of variance 1/N, unknown x⁰. ``weights``: known Gaussian x⁰, unknown weights
        w/√N in every layer; hidden rectified units are centred at their mean, without which the weights of the next
        layer are determined by it alone and overshoot together.
    prior
        Of what is unknown: ``binary`` or ``gaussian``, of unit variance.
    noise
        s² of the layers' preactivations, one number or one a layer.
    bias
        Standard deviation of the known biases.
    patterns
        M, where the weights are unknown.
    """
    noises = [noise] * len(activations) if isinstance(noise, float | int) else list(noise)
    belief = prior_of(prior)
    models, variance = [], 1.0
    for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
        drawn = [draw_layer(seed, index, fan_out, fan_in, belief if unknown == "weights" else None) for seed in seeds]
        weights, biases = (torch.stack(part) for part in zip(*drawn, strict=True))
        variance += bias**2 + noises[index]
        is_hidden = index < len(activations) - 1
        centred = activations[index] == "relu" and is_hidden and unknown == "weights"
        centre = (variance / (2 * torch.pi)) ** 0.5 if centred else 0.0
        channel = Channel(ACTIVATIONS[activations[index]], bias * biases.unsqueeze(1), noises[index], centre)
        models.append(LayerModel(channel, weights / fan_in**0.5, belief if unknown == "weights" else None))
        variance = mean_square(activations[index], variance) - centre**2
    rows = patterns if unknown == "weights" else 1
    source = prior_of("gaussian") if unknown == "weights" else belief
    inputs = torch.stack([source.draw((rows, widths[0]), torch_stream(seed, "generic: inputs")) for seed in seeds])
    outputs = propagate(models, inputs, seeds)
    return Problem(models, inputs, None if unknown == "weights" else belief, outputs)


def draw_layer(seed: int, index: int, fan_out: int, fan_in: int, prior: Prior | None) -> tuple[Tensor, Tensor]:
    """Weights of unit variance (K, N) and standard normal biases (K,)."""
    generator = torch_stream(seed, "generic: weights", index)
    weights = (prior or prior_of("gaussian")).draw((fan_out, fan_in), generator)
    return weights, torch.randn(fan_out, generator=generator, dtype=torch.float64)


def mean_square(activation: str, variance: float) -> float:
    """E f(z)² of z ~ N(0, variance)."""
    return {"sign": 1.0, "relu": variance / 2, "identity": variance}[activation]


def propagate(layers: Sequence[LayerModel], inputs: Tensor, seeds: Sequence[int]) -> Tensor:
    """Outputs (R, M, N_{L+1}) of inputs (R, M, N_0), the noise of each seed its own."""
    x = inputs
    for index, layer in enumerate(layers):
        z = x @ layer.weights.mT
        noise = [
            torch.randn(z.shape[1:], generator=torch_stream(seed, "generic: noise", index), dtype=z.dtype)
            for seed in seeds
        ]
        channel = layer.channel
        x = channel.activation.function(z + channel.bias + channel.noise**0.5 * torch.stack(noise))
        if index < len(layers) - 1:
            x = x - channel.centre
    return x
