"""Networks beside the published implementation, exact laws and laws in distribution."""

import json
import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from nnstatmech.moments import laws
from nnstatmech.moments.activations import rectify
from nnstatmech.moments.networks import FullyConnected, GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import LOCATIONS, propagate
from nnstatmech.moments.statistics import column_means, mean_square, signal_moments
from nnstatmech.theory import activations
from nnstatmech.theory.kernels import Kernel
from nnstatmech.theory.mean_field import MeanField

from .small import CPU, check_mean, inputs, moments, network, params

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
RECIPE = GOLDEN["_recipe"]
CASES = [name for name in GOLDEN if not name.startswith("_")]


class RecordedOrder:
    """Weights in the published order: float64 variates of shape (height, width, inputs, outputs)."""

    def __init__(self, rng):
        self.rng = rng

    def fill(self, out, std):
        for realisation in out:
            outputs, height, width, inputs = realisation.shape
            weights = self.rng.standard_normal((height, width, inputs, outputs)) * std
            realisation.copy_(torch.from_numpy(weights).permute(3, 0, 1, 2))


def measure(case):
    architecture, boundary = case.split("|")
    connected = boundary == "fc"
    params = Propagation(
        architecture=architecture,
        depth=RECIPE["total_depth"],
        width=RECIPE["channels"],
        batch_size=RECIPE["batch"],
        kernel_size=1 if connected else 3,
        boundary="periodic" if connected else boundary,
        epsilon=RECIPE["epsilon"],
        residual_depth=RECIPE["res_depth"],
        measurements=RECIPE["total_depth"] // RECIPE["moments_every"],
        weights="drawn",
    )
    rng = np.random.default_rng(1234)
    shape = (params.batch_size, *((1, 1, 27) if connected else (12, 12, 3)))
    images, noise = rng.standard_normal(shape), rng.standard_normal(shape)
    signal = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    signal, noise = (torch.from_numpy(x).float()[None] for x in (signal, noise))
    moments = propagate(params, signal, noise, RecordedOrder(rng))
    numbers = {location: i for i, location in enumerate(LOCATIONS[architecture], 1)}
    names = {"log_mu2_noise": "mu2_noise"}
    return {
        f"{names.get(quantity, quantity)}_loc{numbers[location]}": values[0].numpy()
        for (location, quantity), values in moments.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_moments_of_the_published_implementation(case):
    measured = measure(case)
    for name, expected in GOLDEN[case].items():
        tolerance = {"atol": 1e-4, "rtol": 0} if name.startswith("mu2_noise") else {"rtol": 1e-4, "atol": 0}
        np.testing.assert_allclose(measured[name], expected, err_msg=name, **tolerance)


# --- exact laws -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_increments_multiply(kernel_size):
    found = moments(network("bn_ff", kernel_size=kernel_size))
    chi = {location: np.exp(found[location, "log_chi"]) for location in ("input", "normalised", "output")}
    parts = (chi["normalised"] / chi["input"]) * (chi["output"] / chi["normalised"])
    np.testing.assert_allclose(parts, chi["output"] / chi["input"], rtol=1e-6)


@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_sensitivity_does_not_depend_on_the_scale_of_the_noise(architecture, factor):
    params = network(architecture)
    expected, found = moments(params), moments(params, noise_factor=factor)
    for location in ("input", "preactivation", "output"):
        np.testing.assert_allclose(
            found[location, "log_chi"] - expected[location, "log_chi"], math.log(factor), atol=2e-6, rtol=0
        )


@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_vanilla_networks_are_homogeneous(factor):
    params = network("vanilla", depth=12)
    expected, found = moments(params), moments(params, signal_factor=factor)
    for (location, name), value in found.items():
        power = {"nu1_abs_signal": 1, "nu2_signal": 2, "mu2_signal": 2, "mu4_signal": 4}.get(name, 0)
        if name == "log_chi":
            np.testing.assert_allclose(value, expected[location, name] - math.log(factor), atol=2e-6, rtol=0)
        else:
            np.testing.assert_allclose(value, expected[location, name] * factor**power, rtol=5e-5)


def test_batch_normalisation_part_of_the_increment_is_its_channelwise_form():
    """(delta_BN chi)^2 = mean_c[mu_2(dy_c) / (v_c + epsilon)] / (mu_2(z) mu_2(dx) / mu_2(x)) (law 16)."""
    params = network("bn_ff", kernel_size=1, depth=1, measurements=1, weights="drawn", batch_size=20)
    signal, noise = inputs(params)
    layers = FullyConnected(params, signal, noise, GaussianWeights([0], CPU))
    (first,) = layers.first()
    before = mean_square([first.noise]) / signal_moments([first.signal], column_means([first.signal]))["mu2_signal"]
    layers.load(0, first)
    (output,) = layers.outputs()
    variances = output.signal.double().var(1, correction=0) + params.epsilon
    noise_part = (output.noise.double().square().mean(1) / variances).mean(1)
    normalised = (1 - params.epsilon / variances).mean(1)
    found = moments(params)
    expected = noise_part / (normalised * before)
    squared = np.exp(2 * (found["normalised", "log_chi"] - found["input", "log_chi"]))[:, 0]
    np.testing.assert_allclose(squared, expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_bounds(architecture, kernel_size):
    params = network(architecture, kernel_size=kernel_size, depth=30, measurements=30)
    found = moments(params)
    rows = params.batch_size * (1 if kernel_size == 1 else 16)
    for name in ("reff_signal", "reff_noise"):
        (rank,) = (value for (_, quantity), value in found.items() if quantity == name)
        assert (rank >= 1 - 1e-6).all()
        assert (rank <= min(params.width, rows - 1) * (1 + 1e-6)).all()
    if architecture != "vanilla":
        spread = found["normalised", "mu2_signal"]
        assert (found["normalised", "mu4_signal"] <= laws.largest_kurtosis(rows) * (1 + 1e-6)).all()
        assert (found["normalised", "nu1_abs_signal"] <= np.sqrt(spread) * (1 + 1e-6)).all()
        assert (spread < 1).all()
    assert all(np.isfinite(value).all() for value in found.values())


@pytest.mark.parametrize("weights", ["drawn", "gram"])
def test_fully_connected_realisations_together_and_one_by_one(weights):
    """The same numbers up to rounding, which batch-normalised networks amplify by their sensitivity."""
    settings = params("bn_ff", kernel_size=1, weights=weights)
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(5, 8, 1, 1, 30, generator=generator)
    noise = torch.randn(signal.shape, generator=generator)
    together = propagate(settings, signal, noise, GaussianWeights(range(5), CPU))
    for seed in range(5):
        alone = propagate(settings, signal[seed, None], noise[seed, None], GaussianWeights([seed], CPU))
        for key, values in alone.items():
            torch.testing.assert_close(together[key][seed, None], values, rtol=1e-4, atol=1e-5)


# --- laws in distribution -------------------------------------------------------------------------------------------


@cache
def ensemble(architecture, width, batch_size, depth, count, measurements=None):
    """Moments of ``count`` fully connected networks of one input batch each: (realisations, depths) arrays."""
    params = network(
        architecture,
        kernel_size=1,
        width=width,
        batch_size=batch_size,
        depth=depth,
        measurements=measurements or depth,
        effective_ranks="none",
    )
    return moments(params, tuple(range(count)))


def test_second_moments_are_martingales():
    """Law 7: E[nu_2(x^l)] and E[mu_2(dx^l)] are conserved, here over ten layers of width 128."""
    found = ensemble("vanilla", 128, 8, 10, 1500)
    check_mean(found["output", "nu2_signal"][:, -1] / found["input", "nu2_signal"][:, 0], 1)
    noise = found["output", "log_mu2_noise"][:, -1] - found["input", "log_mu2_noise"][:, 0]
    check_mean(np.exp(noise), 1)


def test_one_input_vector_diffuses_by_the_law():
    """Law 8: a batch of equal images is one vector; mean and variance of the log increments are exact."""
    params = network(
        "vanilla",
        kernel_size=1,
        width=24,
        batch_size=2,
        depth=8,
        measurements=8,
        effective_ranks="none",
        weights="drawn",
    )
    seeds = tuple(range(1500))
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(len(seeds), 1, 1, 1, 30, generator=generator).expand(-1, 2, -1, -1, -1).contiguous()
    found = propagate(params, vectors, torch.randn(vectors.shape, generator=generator), GaussianWeights(seeds, CPU))
    increments = (found["output", "nu2_signal"].log() - found["input", "nu2_signal"].log()).numpy()
    mean, variance = laws.log_increment_moments(24)
    check_mean(increments.ravel(), mean)
    check_mean((increments.ravel() - mean) ** 2, variance)


@pytest.mark.slow
def test_late_sensitivity_of_vanilla_convolutions():
    """Law 11: log chi grows by 1/N a layer, (1 - 1/r')/N for noise of participation ratio r'.

    r' lies between the effective rank of the noise and infinity: the two limits of the growth. Terms of order 1/N^2
    are 5/N = 0.16 of it.
    """
    params = network("vanilla", width=32, batch_size=2, depth=120, measurements=12)
    seeds = range(300)
    found = [moments(params, (seed,)) for seed in seeds]
    chi = np.concatenate([values["output", "log_chi"] for values in found])
    ranks = np.concatenate([values["output", "reff_noise"] for values in found])[:, 6:]
    half_range = 0.5 / ranks.mean()
    assert half_range < 0.15
    check_mean((chi[:, -1] - chi[:, 5]) / 60 * 32, 1 - half_range, allowance=half_range + 0.16)


def test_deterministic_part_of_the_increment():
    """Law 12: (delta chi)^2 ~ 1 / (1 - E_c[nu_1(y_c+) nu_1(y_c-)] / mu_2(x^(l-1))), within 1 to 2."""
    params = network(
        "vanilla",
        kernel_size=1,
        width=256,
        batch_size=32,
        depth=1,
        measurements=1,
        weights="drawn",
        effective_ranks="none",
    )
    squared, ratio = [], []
    for seed in range(60):
        signal, noise = inputs(params)
        layers = FullyConnected(params, signal, noise, GaussianWeights([seed], CPU))
        (first,) = layers.first()
        spread = signal_moments([first.signal], column_means([first.signal]))["mu2_signal"]
        before = mean_square([first.noise]) / spread
        layers.load(0, first)
        (output,) = layers.outputs()
        y = output.signal.double()
        product = (y.clamp_min(0).mean(1) * (-y).clamp_min(0).mean(1)).mean()
        rectify(*output, into=output)
        after = signal_moments([output.signal], column_means([output.signal]))["mu2_signal"]
        squared.append(float(mean_square([output.noise]) / after / before))
        ratio.append(float(product / spread))
    expected = 1 / (1 - np.mean(ratio))
    assert 1 < expected < 2
    # Jensen: the ratio of two fluctuating moments exceeds the ratio of their means by about 5/N
    check_mean(np.array(squared), expected, allowance=5 / 256)


@pytest.mark.parametrize("batch_size", [16, 64])
def test_activation_increment_from_the_first_moment(batch_size):
    """Law 15, mean over the layers of a realisation.

    The law has E_c[nu_1c^2], the table (E_c nu_1c)^2: the increment is larger by Var_c(nu_1c) / (4 (1 - nu_1^2/2)),
    where Var_c is about 0.1/B for B nearly normal points, so by 0.04/B.
    """
    found = ensemble("bn_ff", 128, batch_size, 8, 60)
    increment = np.exp(found["output", "log_chi"] - found["normalised", "log_chi"])
    expected = laws.activation_increment(found["normalised", "nu1_abs_signal"])
    check_mean((increment / expected).mean(1), 1, allowance=0.04 / batch_size)


@pytest.mark.slow
def test_width_scaling():
    """Law 14: the variance of log nu_2 at equal depth is proportional to 1/N."""
    narrow, wide = (ensemble("vanilla", width, 8, 40, 600, 1)["output", "nu2_signal"] for width in (64, 128))
    ratio = np.log(narrow).var() / np.log(wide).var()
    assert ratio == pytest.approx(2, abs=4 * 2 * math.sqrt(4 / 600) + 2 * 5 / 64)


# --- other activations and variances --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "erf", "gelu", "silu", "leaky_relu"])
def test_wide_networks_have_the_moments_of_mean_field_theory(name):
    """nu_2 of pre-activations and the noise they carry: to four standard errors of a variance of 5/N a layer."""
    width, seeds = 400, range(16)
    tolerance = 4 * math.sqrt(5 / (width * len(seeds)))
    theory = MeanField(1.7, 0.3, getattr(activations, name.upper()))
    settings = network(
        "vanilla", kernel_size=1, depth=6, width=width, batch_size=4, effective_ranks="none",
        activation=name, weight_variance=1.7, bias_variance=0.3, weights="drawn",
    )  # fmt: skip
    found = propagate(
        settings, *inputs(settings, seeds), GaussianWeights(seeds, CPU), GaussianWeights(seeds, CPU, "biases")
    )
    lengths = found["preactivation", "nu2_signal"].mean(0)
    # The first layer normalises images over the batch, not one by one: the theory starts from the second.
    for before, after in pairwise(lengths[1:].tolist()):
        assert after == pytest.approx(theory.length_map(before), rel=tolerance)
    noise = found["preactivation", "log_mu2_noise"].diff(dim=1).exp().mean(0)
    for length, growth in zip(lengths[1:].tolist(), noise[1:].tolist(), strict=False):
        kernel = Kernel(theory.activation, length) if theory.cone is None else theory.cone
        assert growth == pytest.approx(1.7 * kernel.slope_square, rel=tolerance)


def test_differentiated_statistics_take_noise_that_they_cannot_tell_from_the_signal():
    """Noise proportional to the signal, or constant over the batch, goes with the statistics: nothing is left of it."""
    settings = network("bn_ff", kernel_size=1, depth=1, measurements=1, effective_ranks="none", epsilon=1e-6)
    signal, _ = inputs(settings)
    for noise in (signal.clone(), torch.ones_like(signal)):
        left = {}
        for statistics in ("held", "differentiated"):
            chosen = settings.model_copy(update={"batch_statistics": statistics})
            found = propagate(chosen, signal, noise, GaussianWeights([0], CPU))
            left[statistics] = float(found["normalised", "log_mu2_noise"])
        assert left["differentiated"] < left["held"] - 20


def test_wide_networks_of_large_batches_grow_by_the_law():
    """chi grows by (1 - 1/pi)^(-1/2) a layer, whether statistics are held or differentiated (Yang et al. 2019)."""
    for statistics in ("held", "differentiated"):
        settings = network(
            "bn_ff", kernel_size=1, depth=3, measurements=3, width=1200, batch_size=300, effective_ranks="none",
            batch_statistics=statistics, weights="drawn",
        )  # fmt: skip
        found = propagate(settings, *inputs(settings, features=400), GaussianWeights([0], CPU))
        growth = (found["output", "log_chi"][0, 2] - found["output", "log_chi"][0, 0]) / 2
        assert float(growth) == pytest.approx(np.log(laws.GAUSSIAN_ACTIVATION_INCREMENT), rel=0.04)
