"""Random networks: shapes, convolutions against PyTorch's, ensemble axis, mean-field limits."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from nnstatmech.cascades.networks import (
    Convolution,
    Dense,
    ResidualBlock,
    cnn_body,
    forward,
    initial_network,
    initial_parameters,
    pooled_head,
    resnet_body,
    shrinking_mlp,
    wide_body,
    wide_mlp,
)
from nnstatmech.theory.mean_field import MeanField


def outputs_of(layers, x, weight_variances=(1.5,), bias_variance=0.05, seeds=(0,)):
    return forward(layers, initial_network(layers, weight_variances, bias_variance, seeds), x)


def as_kernel(weight, layer_channels):
    """(1, 9 C, K) to PyTorch's (K, C, 3, 3)."""
    return weight[0].reshape(3, 3, layer_channels, -1).permute(3, 2, 0, 1)


def test_dense_architectures():
    sizes = [layer.inputs for layer in shrinking_mlp(784, 10)] + [10]
    assert sizes == [784, 698, 612, 526, 440, 354, 268, 182, 96, 10]
    assert [layer.outputs for layer in wide_mlp(784, 5)] == [784, 784, 784, 400, 10]
    with pytest.raises(ValueError, match="depth is 2"):
        wide_mlp(784, 2)


@pytest.mark.parametrize(("size", "sides"), [(28, [28, 14, 7]), (14, [14, 7, 4]), (10, [10, 5, 3]), (32, [32, 16, 8])])
def test_convolutional_architectures(size, sides):
    for body in (cnn_body(size, 4, 6), resnet_body(size, 4, 6)):
        assert [layer.out_shape for layer in body] == [(side, side, 6) for side in [*sides, *(3 * [sides[-1]])]]
        output = outputs_of([*body, *pooled_head(body)], torch.rand(1, 5, size, size, 1))
        assert output.shape == (1, 5, 10)


@pytest.mark.parametrize(
    ("stride", "padding", "options"),
    [(1, "zero", {"padding": 1}), (2, "zero", {"padding": 1, "stride": 2}), (1, "none", {}), (1, "periodic", {})],
)
@pytest.mark.parametrize("size", [7, 8])
def test_convolution_is_pytorchs(size, stride, padding, options):
    layer = Convolution(size, 3, 4, stride, padding)
    parameters = initial_parameters(layer, 0, [1.5], 0.05, [0])
    x = torch.randn(1, 6, size, size, 3)
    weight, bias = parameters[0]
    expected = functional.conv2d(x[0].permute(0, 3, 1, 2), as_kernel(weight, 3), bias.flatten(), **options).tanh()
    if padding == "periodic":
        expected = functional.pad(expected, (1, 1, 1, 1), mode="circular")
    torch.testing.assert_close(layer(parameters, x)[0], expected.permute(0, 2, 3, 1))


def test_residual_block_is_pytorchs():
    layer = ResidualBlock(7, 4)
    parameters = initial_parameters(layer, 0, [1.5], 0.05, [0])
    x = torch.randn(1, 6, 7, 7, 4)
    plain = x[0].permute(0, 3, 1, 2)
    hidden = plain
    for part, (weight, bias) in enumerate(parameters):
        hidden = functional.conv2d(hidden, as_kernel(weight, 4), bias.flatten())
        hidden = functional.pad(hidden, (1, 1, 1, 1), mode="circular")
        hidden = hidden.tanh() if part == 0 else hidden
    torch.testing.assert_close(layer(parameters, x)[0], (hidden + plain).tanh().permute(0, 2, 3, 1))


@pytest.mark.parametrize("layer", [Dense(20, 12), Convolution(6, 2, 3), ResidualBlock(5, 3)])
def test_ensemble_equals_single_networks(layer):
    seeds, variances = (0, 0, 5, 7), (0.5, 2.0, 1.0, 1.0)
    x = torch.randn(4, 8, *layer.in_shape)
    together = layer(initial_parameters(layer, 3, variances, 0.1, seeds), x)
    for member, (seed, variance) in enumerate(zip(seeds, variances, strict=True)):
        alone = layer(initial_parameters(layer, 3, [variance], 0.1, [seed]), x[member : member + 1])
        # Float32 sums of 27 products in another order.
        torch.testing.assert_close(together[member : member + 1], alone, rtol=1e-5, atol=1e-6)


def test_draws_have_their_variances():
    layer = Dense(300, 200)
    (weight, bias), (other, _) = (initial_parameters(layer, position, [2.0], 0.3, [0])[0] for position in (0, 1))
    # A sample variance of n normals has the relative error sqrt(2/n); four of them.
    assert weight.var().item() == pytest.approx(2.0 / 300, rel=4 * np.sqrt(2 / weight.numel()))
    assert bias.var().item() == pytest.approx(0.3, rel=4 * np.sqrt(2 / bias.numel()))
    assert abs((weight * other).mean() / weight.var()) < 4 / np.sqrt(weight.numel())


def test_networks_of_one_seed_share_their_normals():
    layer = Dense(30, 30)
    weight = initial_parameters(layer, 0, [1.0, 4.0], 0.1, [3, 3])[0][0]
    torch.testing.assert_close(2 * weight[0], weight[1])


def lengths_and_correlations(width, weight_variance, bias_variance, depth, networks, correlation):
    """q_l and c_l of two inputs, each of shape (networks, depth), of finite networks."""
    generator = torch.Generator().manual_seed(1)
    first, second = torch.linalg.qr(torch.randn(width, 2, generator=generator)).Q.T * np.sqrt(width)
    x = torch.stack([first, correlation * first + np.sqrt(1 - correlation**2) * second])[None]
    lengths, correlations = [], []
    for position, layer in enumerate(wide_body(width, depth)):
        # Given x, pre-activations of two inputs have covariance σ_w² x¹x²/N + σ_b².
        gram = weight_variance * (x @ x.mT) / width + bias_variance
        lengths.append(gram[:, 0, 0].expand(networks))
        correlations.append((gram[:, 0, 1] / (gram[:, 0, 0] * gram[:, 1, 1]).sqrt()).expand(networks))
        seeds = range(networks)
        x = layer(initial_parameters(layer, position, [weight_variance] * networks, bias_variance, seeds), x)
    return torch.stack(lengths, 1).numpy(), torch.stack(correlations, 1).numpy()


@pytest.mark.parametrize("weight_variance", [1.0, 1.76, 2.5])
def test_finite_networks_follow_the_maps(weight_variance):
    """Means agree with the maps, and deviations of single networks shrink as N^(-1/2)."""
    networks, depth, deviations = 100, 8, []
    for width in (64, 256):
        q, c = lengths_and_correlations(width, weight_variance, 0.05, depth, networks, 0.6)
        lengths, correlations = MeanField(weight_variance, 0.05).trajectory(q[0, 0], c[0, 0], depth)
        for found, theory in ((q, lengths), (c, correlations)):
            error = found.std(0, ddof=1) / np.sqrt(networks)
            # Four standard errors and the bias of order 1/N, whose coefficient is of the order of the depth.
            assert np.all(np.abs(found.mean(0) - theory) < 4 * error + depth / width * theory)
        deviations.append((q - lengths)[:, 1:].std())
    # Width four times larger: half the deviation. A standard deviation of n networks is known to 1/sqrt(2n), and
    # the ratio of two to 1/sqrt(n); four of them.
    assert deviations[0] / deviations[1] == pytest.approx(2, rel=4 / np.sqrt(networks))
