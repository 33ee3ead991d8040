"""Posteriors over Gram matrices: derivatives, priors by moments, the exact scalar network, a second sampler."""

from itertools import islice

import numpy as np
import pytest

from nnstatmech.linear_bnn import diagnostics, gram_posterior, layer_gibbs
from nnstatmech.linear_bnn.gram_posterior import BartlettPrior, TrainingDirections
from nnstatmech.linear_bnn.posterior import Posterior


def stacked(draws, count, warm_up=0):
    """So many of the draws after a warm-up, (chains, draws, K, K)."""
    return np.stack(list(islice(draws, warm_up, warm_up + count)), axis=1)


def problem(images=5, pixels=12, outputs=3, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal(pixels) + generator.standard_normal((images + 1, pixels))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x[:-1], np.eye(outputs)[np.arange(images) % outputs], x[-1]


@pytest.mark.parametrize(("widths", "outputs"), [((2,), 4), ((7,), 4), ((3, 5), 4), ((5, 2, 6), 3)])
def test_derivatives_are_finite_differences(widths, outputs):
    x, y, test = problem(outputs=outputs)
    prior = BartlettPrior.of(widths, outputs, np.linspace(1.2, 0.6, len(widths) + 1))
    training = TrainingDirections.of(x, y, test, 1.2)
    place = prior.draw(2, np.random.default_rng(0))
    _, slope = prior.log_posterior(place, training, 3.0)
    for i, e in enumerate(1e-6 * np.eye(place.shape[1])):
        above, below = (prior.log_posterior(place + side * e, training, 3.0)[0] for side in (1, -1))
        np.testing.assert_allclose((above - below) / 2e-6, slope[:, i], atol=1e-6)


def test_likelihood_is_that_of_the_joint_gaussian():
    """ln E exp(-βL) of outputs with covariance K ⊗ G, by the determinant of the whole matrix."""
    x, y, test = problem()
    root = np.random.default_rng(1).standard_normal((3, 3))
    gram, beta = root @ root.T, 2.5
    training = TrainingDirections.of(x, y, test, 1.3)
    covariance = np.kron(1.3**2 * x @ x.T, gram)
    whole, targets = np.eye(len(covariance)) + beta * covariance, y.ravel()
    expected = -0.5 * (np.linalg.slogdet(whole)[1] + beta * targets @ np.linalg.solve(whole, targets))
    value, _ = gram_posterior.log_likelihood(gram[None], training, beta)
    assert value[0] == pytest.approx(expected, rel=1e-10)
    inverse = np.linalg.inv(whole)
    mean = np.kron(1.3**2 * test @ x.T, gram) @ (beta * inverse @ targets)
    np.testing.assert_allclose(gram_posterior.mean_outputs(gram[None], training, beta)[0], mean, atol=1e-10)
    residual, spread = targets - covariance @ (beta * inverse @ targets), covariance @ inverse
    loss = 0.5 * (residual @ residual + np.trace(spread))
    assert gram_posterior.mean_loss(gram[None], training, beta)[0] == pytest.approx(loss, rel=1e-10)


@pytest.mark.parametrize("widths", [(2,), (6,), (3, 2), (6, 8)])
def test_factors_have_the_prior_of_real_weights(widths):
    """Mean of G and variance of its trace, as of products of Gaussian matrices."""
    generator, outputs = np.random.default_rng(0), 4
    sigmas = np.linspace(1.0, 0.7, len(widths) + 1)
    prior = BartlettPrior.of(widths, outputs, sigmas)
    ours = prior.gram(prior.draw(40_000, generator))
    weights = [
        sigma * generator.standard_normal((40_000, after, before))
        for sigma, before, after in zip(sigmas[1:], widths, (*widths[1:], outputs), strict=True)
    ]
    upper = gram_posterior.product(weights[::-1])
    theirs = upper @ upper.mT
    for quantity in (lambda g: g[:, 0, 0], lambda g: g[:, -1, -1] ** 2, lambda g: g[:, 0, 1] ** 2, np.linalg.trace):
        first, second = quantity(ours), quantity(theirs)
        error = np.hypot(first.std(), second.std()) / 200
        assert abs(first.mean() - second.mean()) < 4 * error


def test_one_output_is_the_exact_posterior():
    x, y, test = problem()
    y, sigmas = np.sign(y[:, :1] - 0.5), (1.5, 0.6)
    exact = Posterior(x, y[:, 0], (4,), sigmas)
    training = TrainingDirections.of(x, y, test, 1.5)
    prior, generator = BartlettPrior.of((4,), 1, sigmas), np.random.default_rng(0)
    for beta in (1.0, 30.0):
        for grams in (
            stacked(gram_posterior.draw_grams(prior, training, beta, generator, warm_up=200, draws=400), 400),
            stacked(layer_gibbs.draw_grams(x, y, (4,), sigmas, beta, generator), 1500, warm_up=200),
        ):
            losses = gram_posterior.mean_loss(grams.reshape(-1, 1, 1), training, beta).reshape(grams.shape[:2])
            assert diagnostics.r_hat(losses) < 1.02
            assert abs(losses.mean() - exact.mean_loss(beta)) < 4 * diagnostics.standard_error(losses)


@pytest.mark.parametrize("widths", [(2,), (8,), (2, 3), (8, 3)])
def test_two_samplers_agree(widths):
    x, y, test = problem(outputs=4)
    sigmas = (1.5, *(1.5 / np.sqrt(width) for width in widths))
    training, prior = TrainingDirections.of(x, y, test, 1.5), BartlettPrior.of(widths, 4, sigmas)
    generator, beta = np.random.default_rng(0), 5.0
    found = (
        stacked(gram_posterior.draw_grams(prior, training, beta, generator, warm_up=200, draws=400), 400),
        stacked(layer_gibbs.draw_grams(x, y, widths, sigmas, beta, generator), 1500, warm_up=200),
    )
    for quantity in (gram_posterior.mean_loss, gram_posterior.mean_outputs):
        first, second = (quantity(g.reshape(-1, 4, 4), training, beta).reshape(*g.shape[:2], -1) for g in found)
        for k in range(first.shape[-1]):
            error = np.hypot(*(diagnostics.standard_error(each[..., k]) for each in (first, second)))
            assert abs(first[..., k].mean() - second[..., k].mean()) < 4.5 * error
