"""Norm learning: formulas against automatic differentiation, normalisation, and the exact finite width."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from nnstatmech.linear_bnn import measures
from nnstatmech.linear_bnn import norm_learning as physics
from nnstatmech.linear_bnn.params import NormLearning
from nnstatmech.linear_bnn.prior import log_prior
from nnstatmech.linear_bnn.tasks import norm_learning as task

Y = np.linspace(-3, 3, 41)


def partition(beta, y, correction, coupling, function=physics.log_partition):
    arguments = (torch.tensor(beta, dtype=torch.float64), torch.as_tensor(y, dtype=torch.float64))
    return function(*arguments, correction, coupling).exp().numpy()


@pytest.mark.parametrize("beta", [0.5, 1.0, 100.0])
@pytest.mark.parametrize("correction", [0.0, 0.1, 0.6, 1.0])
def test_energies_are_the_formulas(beta, correction):
    y = Y / np.sqrt(beta)
    normalised = physics.energy(partial(physics.log_partition, correction=correction), beta, y)
    np.testing.assert_allclose(normalised, physics.closed_energy(beta, y, correction), rtol=0, atol=1e-12)
    bare = physics.energy(partial(physics.log_weight, correction=correction, prefactor=False), beta, y)
    expected = physics.closed_energy_without_normaliser(beta, y, correction)
    np.testing.assert_allclose(bare, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("correction", "coupling"), [(0, 0), (0.4, 0), (1, 0), (0.4, 1), (0.6, 0.3), (1, 1)])
@pytest.mark.parametrize("beta", [0.7, 3.0])
def test_every_partition_function_is_a_density_with_vanishing_mean_energy(beta, correction, coupling):
    assert quad(lambda y: partition(beta, y, correction, coupling), -25, 25, epsabs=1e-12)[0] == pytest.approx(1)
    log_z = partial(physics.log_partition, correction=correction, coupling=coupling)

    def term(y):
        return physics.energy(log_z, beta, np.array([y]))[0] * partition(beta, y, correction, coupling)

    assert quad(term, -25, 25, epsabs=1e-12)[0] == pytest.approx(0, abs=1e-9)


def test_the_quartic_factor_as_proposed_is_no_density():
    mass = quad(lambda y: partition(1.0, y, 0.4, 1.0, physics.log_weight), -25, 25)[0]
    log_mass = physics.log_mass(torch.tensor(1.0, dtype=torch.float64), 0.4, 1.0).item()
    assert mass == pytest.approx(np.exp(log_mass))
    assert mass == pytest.approx(5.3888 / 1.6)  # (1.2 (1 + 17 c) + 0.4 (1 + 97 c)) / 1.6 with c = 0.4³


def test_no_quartic_factor_leaves_the_quadratic_correction():
    np.testing.assert_array_equal(partition(2.0, Y, 0.6, 0.0), partition(2.0, Y, 0.6, 0.0, physics.log_weight))


@pytest.mark.parametrize("width", [2, 5, 64])
@pytest.mark.parametrize("beta", [1.0, 7.0])
def test_exact_partition_function_is_the_prior_of_the_network(width, beta):
    y = np.linspace(0.05, 4, 30) / np.sqrt(beta)
    expected = log_prior(y, [width], 1, (beta * width) ** -0.5)
    np.testing.assert_allclose(physics.log_exact(beta, y, width), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("width", [2, 16])
def test_exact_energy_is_the_derivative(width):
    y, step = np.linspace(0.1, 3, 12), 1e-4
    slope = (physics.log_exact(1 + step, y, width) - physics.log_exact(1 - step, y, width)) / (2 * step)
    np.testing.assert_allclose(physics.exact_energy(1.0, y, width), -slope, atol=1e-6)


def test_first_order_has_an_error_of_second_order():
    errors = [np.abs(np.exp(physics.log_exact(1.0, Y, n)) - physics.first_order(1.0, Y, n)).max() for n in (50, 100)]
    assert errors[1] / errors[0] == pytest.approx(1 / 4, rel=0.1)


def test_the_task_tabulates_all_curves(rows_of):
    params = NormLearning(points=501)
    table = rows_of(task, params, [0], None)
    assert set(table["curve"]) == {"bare", "quadratic", "quartic", "exact"}
    for quantity in ("energy", "energy_without_normaliser"):
        rows = table[table["curve"] == "quadratic"]
        pair = rows[rows["quantity"].isin([quantity, f"{quantity}_closed"])]
        spread = pair.groupby(["correction", "output"])["value"].agg(np.ptp)
        assert spread.max() < 1e-12
    # The tails beyond |y| = 5 hold 4e-4 of the mass, see the closed form above.
    assert measures.unnormalised_mass(table, 1.0).value == pytest.approx(5.3888 / 1.6, abs=5e-3)
