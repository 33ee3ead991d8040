"""Closed forms, limits, and the project's other engines on equal weights."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.ridge import Ridge
from nnstatmech.cascades.entropies import differential_entropy, explained_variance
from nnstatmech.cascades.networks import Dense
from nnstatmech.moments.convolutions import pad
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate
from nnstatmech.probe import cascade
from nnstatmech.probe.probe import probe_model
from nnstatmech.theory.mean_field import MeanField

from .networks import DOUBLE, probe_of, tangents, values


def gaussian(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Scale(nn.Module):
    """A diagonal layer."""

    def __init__(self, width):
        super().__init__()
        self.slope = nn.Parameter(0.7 + 0.6 * torch.rand(width, dtype=DOUBLE))

    def forward(self, x):
        return torch.tanh(self.slope * x)


# --- 1 to 3: chains that keep everything, and a product of slopes --------------------------------------------------


def test_orthogonal_layers_keep_everything():
    layers = [nn.Linear(20, 20, bias=False, dtype=DOUBLE) for _ in range(30)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight)
    table = probe_model(nn.Sequential(*layers), gaussian(512, 20), batch=64)
    assert table["block"].max() == 30
    assert values(table, "log_chi").abs().max() < 1e-13
    for quantity in ("mu2_signal", "reff_signal", "reff_noise", "log_gradient", "log_mu2_noise"):
        column = values(table, quantity)
        assert (column - column.iloc[0]).abs().max() < 1e-12 * max(1, abs(column.iloc[0])), quantity
    contrast = values(table, "contrast")
    assert (contrast - contrast.iloc[0]).abs().max() < 5e-15
    assert values(table, "r2").min() > 1 - 5e-5


def test_noise_of_a_diagonal_chain_is_the_product_of_its_slopes():
    torch.manual_seed(1)
    chain = nn.Sequential(*(Scale(15) for _ in range(40)))
    x = gaussian(10, 15)
    with probe_of(chain, x) as probe:
        noise = probe.input_noise()
        found = tangents(probe)
        assert len(found) == 41
    with torch.no_grad():
        for layer in chain:
            x = layer(x)
            noise = noise * (1 - x**2) * layer.slope
    np.testing.assert_allclose(found[40][1], noise, rtol=2e-14)


class ZeroBranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 3, padding=1)
        self.outer = nn.Conv2d(4, 4, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(torch.relu(self.inner(x)))


def test_residual_blocks_with_zero_branches_keep_everything():
    table = probe_model(nn.Sequential(*(ZeroBranch() for _ in range(6))), gaussian(64, 4, 6, 6))
    for quantity in ("log_chi", "log_mu2_signal", "reff_signal", "reff_noise", "contrast", "log_gradient", "r2"):
        column = values(table, quantity)
        assert (column - column.iloc[0]).abs().max() < 1e-12, quantity


# --- 5 to 7: batch normalisation, attention, mean field ----------------------------------------------------------


def test_batch_normalised_relu_layers_lose_a_fixed_share_of_the_signal():
    """χ² grows by 1/(1 - 1/π) in the first layer on white inputs, statistics held."""
    torch.manual_seed(2)
    width = 1200
    layers = []
    for _ in range(2):
        linear = nn.Linear(width, width, bias=False)
        nn.init.normal_(linear.weight, 0, math.sqrt(2 / width))
        layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
    table = probe_model(nn.Sequential(*layers), gaussian(1500, width), batch=1500, lenses=("noise",))
    assert table.attrs["batch_norm"] == "held"
    growth = values(table, "delta_chi")[1] ** 2
    assert growth == pytest.approx(1 / (1 - 1 / math.pi), rel=0.01)


class ZeroQueries(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, bias=False, batch_first=True)
        with torch.no_grad():
            self.attention.in_proj_weight[: 2 * width] = 0

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class MeanOverTokens(nn.Module):
    def __init__(self, attention):
        super().__init__()
        width = attention.embed_dim
        self.value, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.value.weight = nn.Parameter(attention.in_proj_weight[2 * width :].detach().clone())
        self.out.weight = nn.Parameter(attention.out_proj.weight.detach().clone())

    def forward(self, x):
        return self.out(self.value(x.mean(1, keepdim=True).expand_as(x)))


def test_attention_without_queries_is_the_mean_over_tokens():
    torch.manual_seed(3)
    attention = ZeroQueries()
    x = gaussian(32, 5, 6)
    a = probe_model(attention, x, lenses=("noise", "gradient"))
    b = probe_model(MeanOverTokens(attention.attention), x, lenses=("noise", "gradient"))
    for quantity in ("log_mu2_signal", "log_mu2_noise", "log_chi", "reff_signal", "contrast"):
        assert values(a, quantity).iloc[-1] == pytest.approx(values(b, quantity).iloc[-1], rel=1e-12, abs=1e-12)
    assert values(a, "log_gradient")[0] == pytest.approx(values(b, "log_gradient")[0], rel=1e-12)


def dense(activation, weight_variance, bias_variance, depth, width, seed=0):
    torch.manual_seed(seed)
    layers = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        nn.init.normal_(linear.weight, 0, math.sqrt(weight_variance / width))
        nn.init.normal_(linear.bias, 0, math.sqrt(bias_variance))
        layers += [linear, activation()]
    return nn.Sequential(*layers)


@pytest.mark.parametrize("weight_variance", [1.0, 1.6, 3.0])
def test_tanh_networks_follow_mean_field(weight_variance):
    """Second moments and correlations approach their fixed points; gradients grow or shrink by χ₁ a layer."""
    theory = MeanField(weight_variance, 0.05)
    table = probe_model(
        dense(nn.Tanh, weight_variance, 0.05, 25, 600), gaussian(24, 600), batch=24, lenses=("noise", "gradient")
    )
    # Moments after the activation: q = σ_w² ν₂ + σ_b².
    nu2 = values(table, "nu2_signal")[12]
    assert weight_variance * nu2 + 0.05 == pytest.approx(theory.fixed_length, rel=0.03)
    gradient = values(table, "log_gradient")
    growth = (gradient[8] - gradient[22]) / 14
    assert growth == pytest.approx(0.5 * math.log(theory.susceptibility), abs=0.02)


def test_the_critical_point_of_relu_keeps_signal_and_gradient():
    """At σ_w² = 2 the mean square stays, up to fluctuations of the width; away from it, it changes by ln(σ_w²/2)."""
    for weight_variance in (1.0, 2.0, 4.0):
        found = []
        for seed in range(6):
            table = probe_model(
                dense(nn.ReLU, weight_variance, 0.0, 20, 400, seed),
                gaussian(16, 400),
                batch=16,
                lenses=("noise", "gradient"),
            )
            nu2, gradient = values(table, "log_nu2_signal"), values(table, "log_gradient")
            found.append([(nu2[20] - nu2[1]) / 19, 2 * (gradient[1] - gradient[20]) / 19])
        rates = np.mean(found, axis=0)
        # The mean logarithm lags the logarithm of the mean by half a variance of 5/N a layer.
        assert rates[0] == pytest.approx(math.log(weight_variance / 2), abs=0.03)
        assert rates[1] == pytest.approx(math.log(weight_variance / 2), abs=0.03)


# --- 8: the engines of moments and cascades on equal weights -----------------------------------------------------


class Replayed:
    """A source of weights that keeps what it gives."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(11)
        self.given = []

    def fill(self, out, std):
        out.normal_(0, std, generator=self.generator)
        self.given.append(out[0].numpy().copy())  # the engine's own tensors cannot be trained


class PaddedConvolution(nn.Module):
    """The convolution of the engine, on (images, channels, height, width)."""

    def __init__(self, kernel, boundary, stride=1):
        super().__init__()
        self.kernel, self.boundary, self.stride = nn.Parameter(kernel.permute(0, 3, 1, 2)), boundary, stride

    def forward(self, x):
        x = pad(x.permute(0, 2, 3, 1), self.boundary, self.kernel.shape[-1], self.stride).permute(0, 3, 1, 2)
        return F.conv2d(x, self.kernel, stride=self.stride)


class Unit(nn.Module):
    """A residual unit: trunk plus twice [batch normalisation, ReLU, convolution]."""

    def __init__(self, kernels, boundary, epsilon):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(k.shape[0], eps=epsilon, affine=False) for k in kernels)
        self.convolutions = nn.ModuleList(PaddedConvolution(k, boundary) for k in kernels)

    def forward(self, x):
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(F.relu(norm(y)))
        return x + y


def same_network(params, kernels):
    first, *kernels = map(torch.from_numpy, kernels)
    stem = PaddedConvolution(first, params.boundary, 1 if params.kernel_size == 1 else 2)
    parts = [stem]
    if params.architecture == "bn_res":
        pairs = zip(kernels[::2], kernels[1::2], strict=True)
        return nn.Sequential(stem, *(Unit(pair, params.boundary, params.epsilon) for pair in pairs))
    for kernel in kernels:
        parts.append(PaddedConvolution(kernel, params.boundary))
        if params.architecture == "bn_ff":
            parts.append(nn.BatchNorm2d(params.width, eps=params.epsilon, affine=False))
        parts.append(nn.ReLU())
    return nn.Sequential(*parts)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_the_engine_of_moments_on_equal_weights(architecture, kernel_size):
    params = Propagation(
        architecture=architecture,
        depth=10,
        width=16,
        batch_size=12,
        kernel_size=kernel_size,
        measurements=10,
        weights="drawn" if kernel_size == 1 else "auto",
    )
    shape = (1, 12, 1, 1, 40) if kernel_size == 1 else (1, 12, 8, 8, 3)
    signal, noise = gaussian(*shape, seed=1), gaussian(*shape, seed=2)
    signal = signal - signal.mean((1, 2, 3), keepdim=True)
    signal = signal / signal.square().mean((1, 2, 3), keepdim=True).sqrt()
    weights = Replayed()
    before = torch.get_default_dtype()
    torch.set_default_dtype(DOUBLE)
    try:
        moments = propagate(params, signal, noise, weights)
    finally:
        torch.set_default_dtype(before)
    x, dx = (tensor[0].permute(0, 3, 1, 2).clone() for tensor in (signal, noise))
    with probe_of(same_network(params, weights.given), x, batch=12, layout="BCHW") as probe:
        probe.measure_noise(dx)
        results = probe.results
    assert len(results) == 12
    names = ["nu1_abs_signal", "nu2_signal", "mu2_signal", "mu4_signal", "log_mu2_noise", "log_chi"]
    ranks = [] if architecture == "bn_res" else ["reff_signal", "reff_noise"]
    for name in names + ranks:
        expected = moments["output", name][0].numpy()
        found = [result[name] for result in results[2:]]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_the_engine_of_cascades_on_equal_weights():
    layers = [Dense(30, 30) for _ in range(10)]
    parameters = []
    for position in range(10):
        weight = gaussian(1, 30, 30, seed=position) * math.sqrt(1.5 / 30)
        parameters.append([(weight, math.sqrt(0.05) * gaussian(1, 1, 30, seed=100 + position))])
    images = torch.tanh(gaussian(400, 30, seed=7))
    images[0, 0], images[0, 1] = -1, 1  # the range of the engine's images
    train, test = images[:320], images[320:]
    decoders, activations = fit_cascade(
        layers, parameters.__getitem__, Ridge(1e-3), train[None], test[None], range(1, 11)
    )
    reconstructions = reconstruct(decoders, activations)[0]
    expected = explained_variance(test, reconstructions)
    entropies = differential_entropy(reconstructions)
    network = []
    for (weight, bias), *_ in parameters:
        linear = nn.Linear(30, 30, dtype=DOUBLE)
        linear.weight.data, linear.bias.data = weight[0].mT.contiguous(), bias[0, 0]
        network += [linear, nn.Tanh()]
    with probe_of(nn.Sequential(*network), images) as probe:
        kept = probe.activations(probe.all_inputs)
        found = cascade.cascade_quantities(probe.structure.blocks, kept, training_images=320)
    np.testing.assert_allclose([result["r2_absolute"] for result in found[1:]], expected, rtol=1e-6)
    # The relative strength that is the engine's absolute one in this block gives its entropy.
    assert len(entropies) == 10
    assert found[0]["r2"] == 1


# --- 9: the ends of the float range ------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight_variance", "dtype"), [(16.0, DOUBLE), (1 / 16, DOUBLE), (16.0, torch.float32)])
def test_two_hundred_layers_do_not_overflow(weight_variance, dtype):
    depth = 200 if dtype == DOUBLE else 60
    table = probe_model(
        dense(nn.ReLU, weight_variance, 0.0, depth, 64),
        gaussian(16, 64),
        batch=16,
        dtype=dtype,
        lenses=("noise", "gradient"),
    )
    rate = math.log(weight_variance / 2)
    for quantity in ("log_nu2_signal", "log_mu2_noise"):
        assert values(table, quantity)[depth] == pytest.approx(rate * depth, rel=0.1)
    gradient = values(table, "log_gradient")
    assert 2 * (gradient[0] - gradient[depth]) == pytest.approx(rate * depth, rel=0.1)
    assert np.isfinite(values(table, "log_chi")).all()


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
def test_noise_and_gradients_beyond_the_float_range(dtype):
    """Each layer halves or doubles a power of ten: noise and gradients are rescaled on their way, exactly."""
    depth, factor = (500, 1e8) if dtype == DOUBLE else (60, 1e4)

    class Saturated(nn.Module):
        """Keeps the signal and multiplies noise and gradient."""

        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.ones(8, dtype=dtype))

        def forward(self, x):
            return x.detach() + factor * self.slope * (x - x.detach())

    table = probe_model(
        nn.Sequential(*(Saturated() for _ in range(depth))),
        gaussian(16, 8),
        batch=16,
        dtype=dtype,
        lenses=("noise", "gradient"),
    )
    expected = 2 * depth * math.log(factor)
    assert values(table, "log_mu2_noise")[depth] == pytest.approx(expected, rel=1e-6)
    assert values(table, "log_chi")[depth] == pytest.approx(expected / 2, rel=1e-6)
    gradient = values(table, "log_gradient")
    assert gradient[0] - gradient[depth] == pytest.approx(expected / 2, rel=1e-6)


def test_what_is_below_the_float_range_is_null():
    shrinking = [nn.Linear(8, 8, bias=False) for _ in range(40)]
    for layer in shrinking:
        nn.init.orthogonal_(layer.weight)
        layer.weight.data *= 1e-9
    table = probe_model(nn.Sequential(*shrinking), gaussian(16, 8), batch=16, lenses=("noise",))
    signal = values(table, "log_nu2_signal")
    resolved = signal.index * 9 <= 299
    assert signal[resolved].notna().all()
    assert signal[~resolved].isna().all()
    np.testing.assert_allclose(signal[resolved].diff().dropna(), 2 * math.log(1e-9), rtol=1e-6)
    noise = values(table, "log_mu2_noise")
    np.testing.assert_allclose(noise.diff().dropna(), 2 * math.log(1e-9), rtol=1e-6)


def test_a_dead_network_has_no_sensitivity():
    dead = nn.Linear(8, 8)
    dead.weight.data.zero_()
    dead.bias.data.fill_(-1.0)
    table = probe_model(nn.Sequential(dead, nn.ReLU(), nn.Linear(8, 3)), gaussian(16, 8), batch=16)
    at = table[table["block"] == 1].set_index("quantity")["value"]
    assert at["dead_units"] == 1
    assert at[["log_chi", "log_nu2_signal", "log_mu2_noise", "reff_signal", "contrast"]].isna().all()
    assert values(table, "log_gradient")[:1].isna().all()
