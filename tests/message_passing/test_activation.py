"""Channels of any activation against numbers of 60 digits, sampling-free integrals and automatic differentiation."""

import itertools

import mpmath as mp
import pytest
import torch

from nnstatmech.message_passing.channels.activation import ACTIVATIONS, Channel

ARGUMENTS = {
    "mild": list(itertools.product([0.0, 0.7, 4.0], [-3.0, 0.2, 6.0], [-2.0, 0.0, 1.5], [0.3, 2.0])),
    "tails": [(0.5, -60.0, 60.0, 1.0), (0.0, -60.0, 60.0, 1.0), (2.0, 80.0, -40.0, 0.5), (0.0, -25.0, -25.0, 1.0)],
}


def reference(name, A, B, omega, variance):
    """φ, x̂, Δ, g, Γ from the moments of e^{Bx − Ax²/2} N(z; ω, V) over both branches, in 60 digits."""
    A, B, omega, variance = map(mp.mpf, (A, B, omega, variance))
    gain = 1 + A * variance
    mean, deviation = (omega + B * variance) / gain, mp.sqrt(variance / gain)
    linear = mp.exp((B**2 * variance + 2 * B * omega - A * omega**2) / (2 * gain)) / mp.sqrt(gain)

    def half_line(weight, centre, width, side):
        """Zeroth, first and second moments of side·z > 0."""
        k = side * centre / width
        p, n = mp.ncdf(k), mp.npdf(k)
        first = side * (k * p + n) * width
        return weight * p, weight * first, weight * width**2 * ((k**2 + 1) * p + k * n)

    side = mp.sqrt(variance)
    if name == "identity":
        up, down = (linear, linear * mean, linear * (mean**2 + deviation**2)), (0, 0, 0)
    elif name == "relu":
        up, down = half_line(linear, mean, deviation, 1), half_line(mp.mpf(1), omega, side, -1)
    else:
        up, down = half_line(mp.exp(B), omega, side, 1), half_line(mp.exp(-B), omega, side, -1)
    Z = up[0] + down[0]
    z1, z2 = (up[1] + down[1]) / Z, (up[2] + down[2]) / Z
    x1, x2 = (up[1] / Z, up[2] / Z) if name != "sign" else ((up[0] - down[0]) / Z, mp.mpf(1))
    g = (z1 - omega) / variance
    return mp.log(Z), x1, x2 - x1**2, g, 1 / variance - (z2 - z1**2) / variance**2


@pytest.mark.parametrize("regime", ARGUMENTS)
@pytest.mark.parametrize("name", ["identity", "relu", "sign"])
def test_hidden_channels_to_eleven_digits(name, regime):
    points = torch.tensor(ARGUMENTS[regime], dtype=torch.float64)
    A, B, omega, variance = points.T
    activation = ACTIVATIONS[name]
    ours = (
        activation.log_partition(A, B, omega, variance),
        *activation.moments(A, B, omega, variance),
        *activation.score(A, B, omega, variance),
    )
    with mp.workdps(1800 if regime == "tails" else 60):
        exact = [[float(value) for value in reference(name, *point)] for point in points.tolist()]
    for found, expected in zip(ours, torch.tensor(exact, dtype=torch.float64).T, strict=True):
        # Relative, and absolute for sums of both signs; sign's Δ = 1 − x̂² is absolute.
        torch.testing.assert_close(found.broadcast_to(expected.shape), expected, rtol=1e-11, atol=2e-13)


def test_rectified_channel_in_single_precision():
    points = torch.tensor(ARGUMENTS["mild"], dtype=torch.float64)
    activation = ACTIVATIONS["relu"]
    exact, single = points.T, points.float().T
    for function, tolerance in ((activation.score, 1e-5), (activation.moments, 2e-3)):
        for found, expected in zip(function(*single), function(*exact), strict=True):
            torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["identity", "relu", "sign"])
def test_observed_channels_are_derivatives_of_their_evidence(name):
    y = {"sign": [1.0, -1.0, 1.0], "relu": [0.0, 0.4, 2.0], "identity": [-1.0, 0.3, 2.0]}[name]
    y = torch.tensor(y, dtype=torch.float64)
    omega = torch.tensor([0.3, -1.2, 0.8], dtype=torch.float64, requires_grad=True)
    variance = torch.tensor([0.4, 1.1, 2.0], dtype=torch.float64)
    activation = ACTIVATIONS[name]
    g, curvature = activation.evidence_score(y, omega.detach(), variance)
    (slope,) = torch.autograd.grad(activation.log_evidence(y, omega, variance).sum(), omega, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), omega)
    torch.testing.assert_close(g, slope.detach(), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(curvature.broadcast_to(bend.shape), -bend, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["identity", "relu", "sign"])
def test_the_evidence_is_normalised(name):
    activation = ACTIVATIONS[name]
    grid = torch.linspace(-14, 16, 60001, dtype=torch.float64)
    omega, variance = torch.tensor(0.7, dtype=torch.float64), torch.tensor(1.3, dtype=torch.float64)
    if name == "sign":
        total = activation.log_evidence(torch.tensor([-1.0, 1.0], dtype=torch.float64), omega, variance).exp().sum()
    else:
        density = activation.log_evidence(grid, omega, variance).exp()
        silent = activation.log_evidence(torch.zeros(1, dtype=torch.float64), omega, variance).exp().sum()
        total = torch.trapezoid(density, grid) if name == "identity" else silent
        if name == "relu":
            positive = grid[grid > 0]
            total = total + torch.trapezoid(activation.log_evidence(positive, omega, variance).exp(), positive)
    assert float(total) == pytest.approx(1.0, abs=3e-4 if name == "relu" else 1e-10)


def test_bias_noise_and_centre_act_where_they_should():
    """Against the mean over fields of a shifted unit: x = relu(z + b + sξ) − c in the field B and precision A."""
    channel = Channel(ACTIVATIONS["relu"], torch.full((1, 1, 1), 0.4, dtype=torch.float64), 0.3, 0.25)
    A, B, omega, variance = (torch.full((1, 1, 1), value, dtype=torch.float64) for value in (0.8, -0.6, 0.5, 0.9))
    z = torch.linspace(-14, 14, 200001, dtype=torch.float64)
    weight = torch.exp(-((z - 0.9) ** 2) / 2.4) / (2 * torch.pi * 1.2) ** 0.5
    x = z.clamp_min(0) - 0.25
    tilted = weight * torch.exp(-0.6 * x - 0.4 * x**2)
    Z = torch.trapezoid(tilted, z)
    mean = torch.trapezoid(tilted * x, z) / Z
    spread = torch.trapezoid(tilted * x * x, z) / Z - mean**2
    assert float(channel.log_partition(A, B, omega, variance)) == pytest.approx(float(Z.log()), abs=1e-8)
    ours = channel.moments(A, B, omega, variance)
    assert [float(value) for value in ours] == pytest.approx([float(mean), float(spread)], abs=1e-8)
    slope = torch.trapezoid(tilted * (z - 0.9) / 1.2, z) / Z
    assert float(channel.score(A, B, omega, variance)[0]) == pytest.approx(float(slope), abs=1e-8)
