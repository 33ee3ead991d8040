"""Exact laws, closed forms and laws in distribution of random networks."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from nnstatmech.moments import laws
from nnstatmech.moments.networks import (
    Block,
    Convolution,
    FullyConnected,
    GaussianWeights,
    batch_normalise,
    boundary_sources,
    convolve,
    pad,
    rectify,
)
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate
from nnstatmech.moments.statistics import column_means, mean_square, signal_moments

CPU = torch.device("cpu")


def network(architecture="bn_ff", **settings):
    defaults = {"depth": 6, "width": 32, "batch_size": 8, "measurements": 6}
    return Propagation(architecture=architecture, **{**defaults, **settings})


def inputs(params, seeds=(0,), side=8, features=48):
    """Smooth random images, normalised, and noise."""
    generator = torch.Generator().manual_seed(99)
    shape = (features,) if params.kernel_size == 1 else (side, side, 3)
    images = torch.randn(
        len(seeds), params.batch_size, *((1, 1) if len(shape) == 1 else ()), *shape, generator=generator
    )
    if params.kernel_size > 1:
        images = images + images.roll(1, 2) + images.roll(1, 3) + images.roll((1, 1), (2, 3))
    images = (images - images.mean((1, 2, 3), keepdim=True)) / images.std((1, 2, 3), keepdim=True, correction=0)
    return images, torch.randn(images.shape, generator=generator)


def moments(params, seeds=(0,), noise_factor=1.0, signal_factor=1.0):
    signal, noise = inputs(params, seeds)
    result = propagate(params, signal * signal_factor, noise * noise_factor, GaussianWeights(seeds, CPU))
    return {key: value.numpy() for key, value in result.items()}


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


@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 0.5])
def test_batch_normalisation(epsilon):
    generator = torch.Generator().manual_seed(3)
    blocks = [Block(torch.randn(2, rows, 5, generator=generator) * 3 + 1, torch.randn(2, rows, 5)) for rows in (40, 24)]
    signal = torch.cat([block.signal for block in blocks], 1).double()
    noise = torch.cat([block.noise for block in blocks], 1).double()
    variance = signal.var(1, keepdim=True, correction=0)
    batch_normalise(blocks, epsilon)
    found = torch.cat([block.signal for block in blocks], 1).double()
    assert found.mean(1).abs().max() < 1e-6
    torch.testing.assert_close(found.square().mean(1), (variance / (variance + epsilon))[:, 0], rtol=1e-5, atol=0)
    found = torch.cat([block.noise for block in blocks], 1).double()
    torch.testing.assert_close(found, noise / (variance + epsilon).sqrt(), rtol=1e-5, atol=1e-6)


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


def test_sign_symmetry_of_the_weights():
    """Outputs of W and of -W share nu_2 and the noise of the pre-activation; mu_2 loses 2 nu_1(y+) nu_1(y-)."""
    generator = torch.Generator().manual_seed(8)
    block = Block(torch.randn(1, 500, 12, generator=generator) + 0.3, torch.randn(1, 500, 12, generator=generator))
    halves = []
    for sign in (1, -1):
        half = Block(sign * block.signal, sign * block.noise)
        rectify(half, *half)
        halves.append(half)
    total = sum(mean_square([half.signal]) for half in halves)
    torch.testing.assert_close(total, mean_square([block.signal]), rtol=1e-6, atol=0)
    total = sum(mean_square([half.noise]) for half in halves)
    torch.testing.assert_close(total, mean_square([block.noise]), rtol=1e-6, atol=0)
    centred = sum(half.signal.double().var(1, correction=0) for half in halves)
    product = halves[0].signal.double().mean(1) * halves[1].signal.double().mean(1)
    torch.testing.assert_close(centred, block.signal.double().var(1, correction=0) - 2 * product, rtol=1e-6, atol=0)


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


def test_kurtosis_bound_is_reached():
    values = np.array([1.0] + [0.0] * 9)
    values = (values - values.mean()) / values.std()
    assert np.mean(values**4) == pytest.approx(laws.largest_kurtosis(10))


# --- convolutions beside textbook loops -----------------------------------------------------------------------------


def naive_layer(image, kernel, boundary, stride):
    """One output channel set, summed with four loops and explicit boundary rules, in float64."""
    side, k = image.shape[0], kernel.shape[1]
    if boundary == "periodic":
        image, offset = np.pad(image, ((k - 1, 0), (k - 1, 0), (0, 0)), mode="wrap"), 0
    elif boundary == "symmetric":
        image, offset = np.pad(image, ((k // 2, k // 2), (k // 2, k // 2), (0, 0)), mode="symmetric"), 0
    else:
        total = max((-(-side // stride) - 1) * stride + k - side, 0)
        width = (total // 2, total - total // 2)
        image, offset = np.pad(image, (width, width, (0, 0))), 0
    outputs = (image.shape[0] - k) // stride + 1
    result = np.zeros((outputs, outputs, kernel.shape[0]))
    for i in range(outputs):
        for j in range(outputs):
            patch = image[offset + i * stride : i * stride + k, j * stride : j * stride + k]
            result[i, j] = np.einsum("hwc,ohwc->o", patch, kernel)
    return result


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [5, 8])
@pytest.mark.parametrize(
    ("boundary", "k"),
    [("periodic", 2), ("periodic", 3), ("symmetric", 3), ("symmetric", 5), ("zero_padding", 4), ("zero_padding", 3)],
)
def test_padding_and_convolution(boundary, k, side, stride):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(side, side, 2)), rng.normal(size=(4, k, k, 2))
    tensor = torch.from_numpy(image)[None]
    found = convolve(pad(tensor, boundary, k, stride), torch.from_numpy(kernel), stride)[0].numpy()
    np.testing.assert_allclose(found, naive_layer(image, kernel, boundary, stride), atol=1e-12)


@pytest.mark.parametrize(
    ("boundary", "k"), [("periodic", 3), ("periodic", 4), ("symmetric", 5), ("zero_padding", 3), ("zero_padding", 2)]
)
def test_persistent_buffer_holds_the_padded_image(boundary, k):
    params = network("vanilla", boundary=boundary, kernel_size=k)
    signal, noise = inputs(params, side=10)
    layers = Convolution(params, signal, noise, GaussianWeights([0], CPU))
    (block,) = layers.first()
    for _ in range(2):  # the second time over what the first left behind
        layers.load_rectified(0, block)
    images = block.signal.view(params.batch_size, 5, 5, -1).clamp_min(0)
    torch.testing.assert_close(layers.buffer[0, : params.batch_size], pad(images, boundary, k, 1))


def test_boundary_sources():
    assert boundary_sources("periodic", 2, 0, 4) == [2, 3, 0, 1, 2, 3]
    assert boundary_sources("symmetric", 2, 2, 3) == [1, 0, 0, 1, 2, 2, 1]
    assert boundary_sources("zero_padding", 1, 1, 2) == [None, 0, 1, None]


# --- closed forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "mean", "variance"), [(128, -0.019786, 0.040234), (512, -0.0048985, 0.0098368)])
def test_log_increments_of_a_one_dimensional_signal(width, mean, variance):
    found = laws.log_increment_moments(width)
    assert found == pytest.approx((mean, variance), rel=3e-5)  # as many digits as are known
    assert found == pytest.approx((-2.5 / width, 5 / width), rel=5 / width)


def test_log_increment_moments_are_those_of_their_law():
    rng = np.random.default_rng(0)
    width, count = 16, 400_000
    active = rng.binomial(width, 0.5, count)
    active = active[active > 0]
    samples = np.log(2 / width * chi2.rvs(active, random_state=rng))
    mean, variance = laws.log_increment_moments(width)
    assert samples.mean() == pytest.approx(mean, abs=4 * samples.std() / math.sqrt(count))
    error = np.std((samples - samples.mean()) ** 2) / math.sqrt(count)
    assert samples.var() == pytest.approx(variance, abs=4 * error)


def test_gaussian_activation_increment():
    assert pytest.approx((1 - 1 / math.pi) ** -0.5) == laws.GAUSSIAN_ACTIVATION_INCREMENT
    assert laws.activation_increment(0.0) == 1


def test_angle_kernel_is_a_gaussian_expectation():
    """k(theta) in polar form: E[r^4] = 8 times the mean over the angle."""
    for angle in (0.0, 0.3, math.pi / 2, 2.5, math.pi):
        phi = np.linspace(0, 2 * np.pi, 200_001)[:-1]
        values = np.maximum(np.cos(phi), 0) ** 2 * np.maximum(np.cos(phi - angle), 0) ** 2
        assert laws.angle_kernel(angle) == pytest.approx(8 * values.mean(), abs=1e-8)


def test_published_increments_agree_with_the_law():
    """Differences of the published mean log nu_2 (n = 10000): -0.989 over 50 layers, standard error 0.014."""
    from nnstatmech.moments.published import published_curves

    rows = published_curves("vanilla_histo")
    rows = rows[rows["quantity"] == "log_nu2_signal"].set_index("depth")
    mean, variance = laws.log_increment_moments(128)
    for first, last in ((100, 150), (150, 200)):
        assert rows["mean"][last] - rows["mean"][first] == pytest.approx(50 * mean, abs=4 * 0.014)
        # Increments are uncorrelated with the past: Var_last - Var_first = Var(increment) + 2 Cov, the covariance zero
        # with standard error sqrt(2.0 * 5.5 / n) = 0.033, and 0.028 is that of the variance of the increment.
        difference = rows["sd"][last] ** 2 - rows["sd"][first] ** 2
        assert difference == pytest.approx(50 * variance, abs=4 * math.hypot(2 * 0.033, 0.028))


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


def check_mean(samples, expected, allowance=0.0):
    """Mean over realisations within four standard errors of ``expected``."""
    error = samples.std(ddof=1) / math.sqrt(len(samples))
    assert samples.mean() == pytest.approx(expected, abs=4 * error + allowance)


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


def test_variance_of_the_increment_for_any_signal():
    """Law 9: one layer applied to fixed vectors, over fresh weights."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(6, 10)) + 0.7
    width, count = 16, 20_000
    weights = rng.normal(size=(count, width, 10)) * math.sqrt(2 / 10)
    outputs = np.maximum(np.einsum("rof,pf->rpo", weights, features), 0)
    increments = np.mean(outputs**2, axis=(1, 2)) / np.mean(features**2)
    check_mean(increments, 1)
    check_mean((increments - 1) ** 2, laws.increment_variance(features, width))


def test_noise_of_a_one_dimensional_signal():
    """Law 10, exact for one layer: Var delta mu_2(dx) = (1 + 4/r')/N; Cov(delta nu_2, delta mu_2) = 1/N.

    The masks depend on the sign of W u only, the noise's moment is even in W; the covariance is that of the number
    of active channels if the noise has no component along the signal's direction u.
    """
    rng = np.random.default_rng(4)
    width, inputs, count = 16, 12, 40_000
    noise = rng.normal(size=(30, inputs)) * np.linspace(0.2, 2, inputs)
    noise[:, 0] = 0  # u is the first axis
    weights = rng.normal(size=(count, width, inputs))
    masks = weights[:, :, 0] > 0
    signal_increments = 2 * np.mean(masks * weights[:, :, 0] ** 2, axis=1)
    covariance = noise.T @ noise
    quadratic = np.einsum("roi,ij,roj->ro", weights, covariance, weights) / np.trace(covariance)
    noise_increments = 2 * np.mean(masks * quadratic, axis=1)
    rank = np.trace(covariance) ** 2 / np.sum(covariance**2)
    check_mean((noise_increments - 1) ** 2, laws.log_noise_increment_moments(width, rank)[1])
    check_mean((signal_increments - 1) * (noise_increments - 1), 1 / width)


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
        rectify(output, *output)
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


def test_resnet_recursion_is_a_power_law():
    """For constant increments chi grows as l^tau with tau = (delta^(2H) - 1)/2."""
    depth = np.arange(1.0, 20_001)
    chi = laws.resnet_sensitivity(depth, np.full(len(depth), 1.2035232), 1.0, 2)
    exponent = laws.power_law_exponent(1.2035232, 2)
    assert exponent == pytest.approx(0.54903, abs=1e-5)
    assert math.log(chi[-1] / chi[9999]) / math.log(2) == pytest.approx(exponent, abs=1e-3)


def test_resnet_recursion_beside_the_published_sensitivity():
    """From l = 5 on; both layers of a branch are given the increment of the first: 5 % are allowed."""
    from nnstatmech.moments.published import published_curves

    rows = published_curves("bn_res").pivot(index="depth", columns="quantity", values="mean").dropna(subset="chi")
    depth = rows.index.to_numpy(float)
    chi = laws.resnet_sensitivity(depth, rows["delta_chi"].to_numpy(), rows["chi"].iloc[0], 2)
    np.testing.assert_allclose(chi, rows["chi"], rtol=0.05)
