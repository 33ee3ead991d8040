"""The way back beside automatic differentiation, and beside the noise on its way forwards."""

import pytest
import torch

from nnstatmech.moments.gradients import Network, gradient_moments, pass_forwards
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate

from .small import CPU

SEEDS = (3, 4)
NETWORKS = [
    {"architecture": "vanilla"},
    {"architecture": "vanilla", "activation": "tanh", "weight_variance": 1.5, "bias_variance": 0.1},
    {"architecture": "vanilla", "activation": "gelu"},
    {"architecture": "bn_ff"},
    {"architecture": "bn_ff", "batch_statistics": "differentiated"},
    {"architecture": "bn_ff", "batch_statistics": "differentiated", "activation": "silu"},
    {"architecture": "bn_res", "residual_depth": 3},
    {"architecture": "bn_res", "batch_statistics": "differentiated"},
]


def network(**settings):
    return Propagation(
        **{
            "depth": 4,
            "width": 20,
            "batch_size": 12,
            "measurements": 4,
            "kernel_size": 1,
            "gradients": True,
            **settings,
        }
    )


def images(params, features=30):
    generator = torch.Generator().manual_seed(1)
    signal = torch.randn(len(SEEDS), params.batch_size, 1, 1, features, generator=generator)
    return (signal - signal.mean(1, keepdim=True)) / signal.std(1, keepdim=True, correction=0)


def weights_in_order(params, signal):
    """First weights, then those of each layer: double precision."""
    source = GaussianWeights(SEEDS, CPU)
    sizes = [signal.shape[-1]] + [params.width] * params.layers
    stds = [(1 / sizes[0]) ** 0.5] + [(params.weight_variance / params.width) ** 0.5] * params.layers
    drawn = []
    for size, std in zip(sizes, stds, strict=True):
        out = torch.empty(len(SEEDS), params.width, 1, 1, size)
        source.fill(out, std)
        drawn.append(out[:, :, 0, 0].double())
    return drawn


def plain(params, signal):
    """x^0, ..., x^L by autograd's rules, with the statistics of the batch detached where they are held."""
    phi = {
        "relu": torch.relu,
        "tanh": torch.tanh,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
    }[params.activation]
    first, *others = weights_in_order(params, signal)
    biases = GaussianWeights(SEEDS, CPU, "biases")

    def normalise(y):
        mean, variance = y.mean(1, keepdim=True), y.var(1, keepdim=True, correction=0)
        if params.batch_statistics == "held":
            mean, variance = mean.detach(), variance.detach()
        return (y - mean) / (variance + params.epsilon).sqrt()

    states = [(signal.double() @ first.mT).requires_grad_()]
    remaining = iter(others)
    for _ in range(params.depth):
        x = states[-1]
        if params.architecture == "bn_res":
            branch = x
            for _ in range(params.residual_depth):
                branch = phi(normalise(branch)) @ next(remaining).mT
            states.append(x + branch)
            continue
        y = x @ next(remaining).mT
        if params.bias_variance:
            bias = torch.empty(len(SEEDS), 1, params.width)
            biases.fill(bias, params.bias_variance**0.5)
            y = y + bias
        states.append(phi(normalise(y) if params.architecture == "bn_ff" else y))
    return states


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_mean_squares_are_those_of_automatic_differentiation(settings):
    params = network(**settings)
    signal = images(params)
    states = plain(params, signal[:, :, 0, 0])
    cotangent = torch.empty(states[-1].shape)
    GaussianWeights(SEEDS, CPU, "cotangent").fill(cotangent, 1.0)
    gradients = torch.autograd.grad(states[-1], states[1:], cotangent.double())
    expected = torch.stack([gradient.square().mean((1, 2)).log() for gradient in gradients], 1)
    found = gradient_moments(params, signal, SEEDS)["output", "log_mu2_gradient"]
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)


def pushed_forwards(states, depth, noise):
    """J dx at ``depth``, by differentiating J^T g with respect to g."""
    probe = torch.zeros_like(states[depth], requires_grad=True)
    (transposed,) = torch.autograd.grad(states[depth], states[:1], probe, create_graph=True)
    (pushed,) = torch.autograd.grad(transposed, probe, noise)
    return pushed


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_gradients_are_dual_to_noise(settings):
    """<g, J dx> = <J^T g, dx>: the way back of the engine, the way forwards of automatic differentiation."""
    params = network(**settings)
    signal = images(params)[:, :, 0, 0]
    states = plain(params, signal)
    generator = torch.Generator().manual_seed(6)
    noise, gradient = (torch.randn(states[i].shape, generator=generator) for i in (0, -1))
    forwards = (gradient * pushed_forwards(states, -1, noise.double())).sum((1, 2))

    there_and_back = Network(params, SEEDS, CPU)
    pass_forwards(there_and_back, signal)
    back = there_and_back.unit_backwards if params.architecture == "bn_res" else there_and_back.layer_backwards
    for _ in range(params.depth):
        gradient = back(gradient)
    torch.testing.assert_close((gradient * noise).sum((1, 2)).double(), forwards, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_noise_is_that_of_forward_differentiation(settings):
    """The engine's noise on the same weights, statistics held or differentiated, beside J dx in double precision."""
    params = network(**settings, effective_ranks="none")
    signal = images(params)
    noise = torch.randn(signal.shape, generator=torch.Generator().manual_seed(6))
    biases = GaussianWeights(SEEDS, CPU, "biases") if params.bias_variance else None
    found = propagate(params, signal, noise, GaussianWeights(SEEDS, CPU), biases)["output", "log_mu2_noise"]
    rows = signal[:, :, 0, 0].double()
    states = plain(params, rows)
    first = weights_in_order(params, rows)[0]
    for depth in range(params.depth):
        pushed = pushed_forwards(states, depth + 1, noise[:, :, 0, 0].double() @ first.mT)
        expected = pushed.square().mean((1, 2)).log()
        torch.testing.assert_close(found[:, depth], expected, rtol=0, atol=2e-5)
