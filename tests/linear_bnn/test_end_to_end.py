"""Networks by end-to-end vector and lengths: derivatives, the exact posterior, any choice of coordinates."""

from dataclasses import replace

import numpy as np
import pytest

from nnstatmech.linear_bnn import diagnostics
from nnstatmech.linear_bnn.end_to_end import EndToEnd
from nnstatmech.linear_bnn.gram_posterior import sample
from nnstatmech.linear_bnn.posterior import Posterior
from nnstatmech.linear_bnn.spectrum import Spectrum
from nnstatmech.linear_bnn.two_classes import weight_scales

from .test_gram_posterior import problem


def training_set(images=12):
    x, _, _ = problem(images=images, pixels=30)
    return x, np.sign(np.random.default_rng(1).standard_normal(images))


def network_of(widths, beta, decided=None):
    """A network's coordinates, its training set and its exact posterior."""
    x, y = training_set()
    spectrum, sigmas = Spectrum.of(x, y), weight_scales(widths, 1.5)
    network = EndToEnd.of(widths, sigmas, spectrum, beta, 1.0)
    if decided is not None:
        network = replace(network, decided=np.full(spectrum.rank, decided))
    return network, spectrum, Posterior(x, y, widths, sigmas)


@pytest.mark.parametrize("widths", [(3,), (2, 5), (4, 1, 3)])
def test_derivatives_are_finite_differences(widths):
    network, spectrum, _ = network_of(widths, 5.0)
    network = replace(network, decided=np.arange(spectrum.rank) % 2 == 0)
    place = network.draw(2, np.random.default_rng(0))
    _, slope = network.log_posterior(place, spectrum, 5.0)
    for i, e in enumerate(1e-6 * np.eye(place.shape[1])):
        above, below = (network.log_posterior(place + side * e, spectrum, 5.0)[0] for side in (1, -1))
        np.testing.assert_allclose((above - below) / 2e-6, slope[:, i], rtol=1e-5, atol=1e-6)


def test_coordinates_differ_by_the_jacobian():
    """√u for each direction that changes sides."""
    one, spectrum, _ = network_of((2, 3), 5.0, decided=True)
    other = replace(one, decided=np.zeros_like(one.decided))
    place = one.draw(3, np.random.default_rng(0))
    root = np.sqrt(one.scale(place))[:, None]
    moved = np.hstack([place[:, :2], place[:, 2:] / root])
    np.testing.assert_allclose(one.vector(place), other.vector(moved), rtol=1e-12)
    change = other.log_posterior(moved, spectrum, 5.0)[0] - one.log_posterior(place, spectrum, 5.0)[0]
    np.testing.assert_allclose(change, spectrum.rank * np.log(root[:, 0]), rtol=1e-10)


@pytest.mark.parametrize("widths", [(2,), (6,), (2, 2), (3, 2, 4)])
@pytest.mark.parametrize("beta", [0.3, 30.0])
def test_samples_are_of_the_exact_posterior(widths, beta):
    network, spectrum, exact = network_of(widths, beta)
    places = list(sample(network, spectrum, beta, np.random.default_rng(0), warm_up=200, draws=400))
    losses = np.stack([network.loss(place, spectrum) for place in places], axis=1)
    scales = np.stack([network.scale(place) for place in places], axis=1)
    scale, weights = exact.scale_posterior(beta)
    # The mean of ln u: that of u has no small variance at one hidden layer of two units.
    for draws, expected in ((losses, exact.mean_loss(beta)), (np.log(scales), weights @ np.log(scale.u))):
        assert diagnostics.r_hat(draws) < 1.05
        assert abs(draws.mean() - expected) < 4.5 * diagnostics.standard_error(draws)
