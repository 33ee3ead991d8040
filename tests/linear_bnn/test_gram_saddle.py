"""The saddle over Gram matrices: one output, infinite width, independent outputs, and sampling at large width."""

from itertools import islice

import numpy as np
import pytest

from nnstatmech.linear_bnn import gram_posterior, layer_gibbs
from nnstatmech.linear_bnn.gram_posterior import TrainingDirections
from nnstatmech.linear_bnn.gram_saddle import renormalised_gram
from nnstatmech.linear_bnn.posterior import Posterior
from nnstatmech.linear_bnn.two_classes import weight_scales

from .test_gram_posterior import problem


def saddle(widths, images, targets, test, beta):
    """G over its prior mean, and the training set in its directions."""
    sigmas = weight_scales(widths, 1.5)
    size = float(np.prod(np.square(sigmas[1:])) * np.prod(widths))
    training = TrainingDirections.of(images, targets, test, sigmas[0])
    return renormalised_gram(widths, targets.shape[1], size, training, beta) / size, training


@pytest.mark.parametrize("widths", [(2,), (30,), (4, 4), (3, 20), (5, 5, 5)])
@pytest.mark.parametrize("beta", [0.5, 10.0, 1000.0])
def test_one_output_has_the_renormalised_scale(widths, beta):
    images, targets, test = problem()
    y = np.sign(targets[:, 0] - 0.5)
    exact = Posterior(images, y, widths, weight_scales(widths, 1.5))
    gram, _ = saddle(widths, images, y[:, None], test, beta)
    assert gram[0, 0] == pytest.approx(exact.renormalised_scale(beta) / exact.mean_scale, rel=1e-5)


def test_outputs_of_separate_images_have_the_scale_of_each():
    """Images in orthogonal directions and targets that do not mix them: three networks with one output each."""
    images, scales = np.eye(3), np.array([0.5, 1.0, 2.0])
    gram, _ = saddle((6,), images, np.diag(scales), images[0], 4.0)
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6
    for k, scale in enumerate(scales):
        alone = Posterior(images, scale * np.eye(3)[k], (6,), weight_scales((6,), 1.5))
        assert gram[k, k] == pytest.approx(alone.renormalised_scale(4.0) / alone.mean_scale, rel=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_infinite_width_is_the_prior_mean(layers):
    images, targets, test = problem(outputs=4)
    distances = [
        np.abs(saddle((n,) * layers, images, targets, test, 10.0)[0] - np.eye(4)).max() for n in (10**3, 10**5)
    ]
    assert distances[1] < 1e-3
    assert distances[0] / distances[1] == pytest.approx(100, rel=0.05)


def test_targets_in_other_axes_turn_the_saddle():
    images, targets, test = problem(outputs=3)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    gram, turned = (saddle((5, 5), images, y, test, 10.0)[0] for y in (targets, targets @ turn))
    np.testing.assert_allclose(turn.T @ gram @ turn, turned, atol=1e-5)


def test_sampled_means_tend_to_the_saddle_as_one_over_the_width():
    images, targets, test = problem(outputs=3)
    differences = {}
    for width in (20, 160):
        gram, training = saddle((width,), images, targets, test, 10.0)
        sigmas = weight_scales((width,), 1.5)
        generator = np.random.default_rng(0)
        draws = layer_gibbs.draw_grams(images, targets, (width,), sigmas, 10.0, generator, chains=64)
        grams = np.concatenate(list(islice(draws, 50, 350)))
        sampled = gram_posterior.mean_loss(grams, training, 10.0).mean()
        at_saddle = gram_posterior.mean_loss(1.5**2 * gram[None], training, 10.0)[0]
        differences[width] = abs(sampled / at_saddle - 1)
    assert differences[160] < 0.01
    assert differences[160] < differences[20] / 3
