"""The maps of the networks beside textbook loops and exact identities."""

import numpy as np
import pytest
import torch

from nnstatmech.moments.activations import HOMOGENEOUS, activate, rectify
from nnstatmech.moments.convolutions import Convolution, boundary_sources, convolve, convolve_together, pad
from nnstatmech.moments.networks import Block, GaussianWeights, batch_normalise
from nnstatmech.moments.propagation import propagate
from nnstatmech.moments.statistics import mean_square
from nnstatmech.theory.activations import ERF, GELU, LEAKY_RELU, RELU, SILU, TANH

from .small import CPU, inputs, network, params


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


def test_sign_symmetry_of_the_weights():
    """Outputs of W and of -W share nu_2 and the noise of the pre-activation; mu_2 loses 2 nu_1(y+) nu_1(y-)."""
    generator = torch.Generator().manual_seed(8)
    block = Block(torch.randn(1, 500, 12, generator=generator) + 0.3, torch.randn(1, 500, 12, generator=generator))
    halves = []
    for sign in (1, -1):
        half = Block(sign * block.signal, sign * block.noise)
        rectify(*half, into=half)
        halves.append(half)
    total = sum(mean_square([half.signal]) for half in halves)
    torch.testing.assert_close(total, mean_square([block.signal]), rtol=1e-6, atol=0)
    total = sum(mean_square([half.noise]) for half in halves)
    torch.testing.assert_close(total, mean_square([block.noise]), rtol=1e-6, atol=0)
    centred = sum(half.signal.double().var(1, correction=0) for half in halves)
    product = halves[0].signal.double().mean(1) * halves[1].signal.double().mean(1)
    torch.testing.assert_close(centred, block.signal.double().var(1, correction=0) - 2 * product, rtol=1e-6, atol=0)


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
        layers.load_activated(0, block)
    images = block.signal.view(params.batch_size, 5, 5, -1).clamp_min(0)
    torch.testing.assert_close(layers.buffer[0, 0, : params.batch_size], pad(images, boundary, k, 1))


def test_boundary_sources():
    assert boundary_sources("periodic", 2, 0, 4) == [2, 3, 0, 1, 2, 3]
    assert boundary_sources("symmetric", 2, 2, 3) == [1, 0, 0, 1, 2, 2, 1]
    assert boundary_sources("zero_padding", 1, 1, 2) == [None, 0, 1, None]


def two_samples(settings, count):
    """Final log chi, noise and signal moments of ``count`` realisations on shared inputs."""
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(1, 8, 1, 1, 30, generator=generator).expand(count, -1, -1, -1, -1).contiguous()
    noise = torch.randn(1, 8, 1, 1, 30, generator=generator).expand(count, -1, -1, -1, -1).contiguous()
    found = propagate(settings, signal, noise, GaussianWeights(range(count), CPU))
    location = "output"
    return {
        "log_chi": found[location, "log_chi"][:, -1].numpy(),
        "nu2": found[location, "nu2_signal"][:, -1].log().numpy(),
        "reff": found[location, "reff_signal"][:, -1].numpy(),
        "reff_noise": found[location, "reff_noise"][:, -1].numpy(),
    }


@pytest.mark.parametrize(
    ("architecture", "width"),
    [("vanilla", 32), ("bn_ff", 32), ("bn_ff", 64)],  # double, double and single precision
)
def test_gram_trick_has_the_distribution_of_drawn_weights(architecture, width):
    """Means and standard deviations over 400 realisations each, within four standard errors."""
    count = 400
    drawn, gram = (
        two_samples(params(architecture, kernel_size=1, weights=weights, depth=12, width=width), count)
        for weights in ("drawn", "gram")
    )
    for name in drawn:
        a, b = drawn[name], gram[name]
        assert abs(a.mean() - b.mean()) < 4 * np.sqrt((a.var() + b.var()) / count), name
        # error of a standard deviation from the fourth moments: the samples need not be normal
        errors = [np.std((x - x.mean()) ** 2) / (2 * x.std() * np.sqrt(count)) for x in (a, b)]
        assert abs(a.std() - b.std()) < 4 * np.hypot(*errors), name


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_convolutions_of_many_realisations_are_those_of_each(kernel_size):
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(3, 4, 7, 6, 5, generator=generator)
    kernels = torch.randn(3, 8, kernel_size, kernel_size, 5, generator=generator)
    together = convolve_together(images, kernels)
    apart = torch.stack([convolve(*pair) for pair in zip(images, kernels, strict=True)])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("boundary", ["periodic", "symmetric", "zero_padding"])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_convolutional_realisations_together_and_one_by_one(architecture, boundary):
    """The same numbers up to rounding, which batch-normalised networks amplify by their sensitivity."""
    settings = params(architecture, boundary=boundary)
    signal, noise = inputs(settings, (0, 1, 2))
    together = propagate(settings, signal, noise, GaussianWeights(range(3), CPU))
    for seed in range(3):
        alone = propagate(settings, signal[seed, None], noise[seed, None], GaussianWeights([seed], CPU))
        assert alone.keys() == together.keys()
        for key, values in alone.items():
            torch.testing.assert_close(together[key][seed, None], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("realisations", [1, 3])
@pytest.mark.parametrize("boundary", ["periodic", "zero_padding"])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_rounding_the_noise_leaves_the_signal_as_it_is(architecture, boundary, realisations):
    """To the last bit; the noise changes by the rounding of bfloat16, 2^-9 a number, averaged over its fan-in."""
    settings = network(architecture, boundary=boundary)
    rounded = settings.model_copy(update={"noise_precision": "bfloat16"})
    seeds = range(realisations)
    exact, found = (
        propagate(chosen, *inputs(chosen, seeds), GaussianWeights(seeds, CPU)) for chosen in (settings, rounded)
    )
    for (location, name), values in exact.items():
        if name in ("log_mu2_noise", "log_chi", "reff_noise"):
            difference = (found[location, name] - values).abs().max()
            assert 0 < difference < 2**-7 * values.abs().max().clamp_min(1), (location, name)
        else:
            assert torch.equal(found[location, name], values), (location, name)


ACTIVATIONS = {
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "tanh": TANH,
    "erf": ERF,
    "gelu": GELU,
    "silu": SILU,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_the_theory(name):
    signal = torch.linspace(-6, 6, 301)[None, :, None]
    noise = torch.randn(signal.shape, generator=torch.Generator().manual_seed(1))
    expected = ACTIVATIONS[name].value(signal.double().numpy()), ACTIVATIONS[name].slope(signal.double().numpy())
    new = torch.empty_like(signal), torch.empty_like(noise)
    activate(name, signal, noise, into=new)
    away = signal != 0  # where the slope of a kink is a convention
    # Six times the rounding of 1 + erf.
    torch.testing.assert_close(new[0].double(), torch.from_numpy(expected[0]), rtol=2e-6, atol=8e-7)
    product = torch.from_numpy(expected[1]) * noise
    torch.testing.assert_close(new[1].double()[away], product[away], rtol=2e-5, atol=2e-6)
    activate(name, signal, noise, into=(signal, noise))
    torch.testing.assert_close((signal, noise), new, rtol=0, atol=0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_homogeneous_activations_are_those_that_say_so(name):
    assert (ACTIVATIONS[name].degree == 1) == (name in HOMOGENEOUS)


@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_biases_and_variances_leave_the_defaults_as_they_are(architecture):
    """Networks of the default variance are those of He's; biases have a stream of their own."""
    settings = params(architecture, kernel_size=1)
    found = propagate(settings, *inputs(settings), GaussianWeights([0], CPU))
    other = params(architecture, kernel_size=1, weight_variance=2.0, activation="relu", batch_statistics="held")
    again = propagate(other, *inputs(other), GaussianWeights([0], CPU), GaussianWeights([0], CPU, "biases"))
    assert all(torch.equal(again[key], values) for key, values in found.items())


@pytest.mark.parametrize("realisations", [1, 2])
def test_biases_are_added_to_the_signal_alone(realisations):
    settings = params("vanilla", bias_variance=0.5)
    signal, noise = inputs(settings, range(realisations))
    blocks = []
    for biases in (None, GaussianWeights(range(realisations), CPU, "biases")):
        layers = Convolution(settings, signal, noise, GaussianWeights(range(realisations), CPU), biases)
        (first,) = layers.first()
        layers.load(0, first)
        blocks += layers.outputs()
    torch.testing.assert_close(blocks[1].noise, blocks[0].noise, rtol=0, atol=0)
    added = blocks[1].signal - blocks[0].signal
    assert added.var(1).max() < 1e-12
    assert added[:, 0].var() == pytest.approx(0.5, rel=4 * (2 / added[:, 0].numel()) ** 0.5)
