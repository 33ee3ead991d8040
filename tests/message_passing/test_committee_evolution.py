"""State evolution of committees: against sampling, the perceptron, symmetries, and AMP on an instance."""

import numpy as np
import pytest

from nnstatmech.message_passing import committee_amp, committee_evolution, state_evolution

COVARIANCE = np.array([[0.7, -0.2, 0.1], [-0.2, 0.6, -0.15], [0.1, -0.15, 0.8]])
MEANS = np.array([[0.3, -0.5, 0.8], [-1.0, 0.2, 0.1]])


@pytest.mark.parametrize("units", [1, 2, 3])
def test_chances_are_frequencies(units):
    generator = np.random.default_rng(0)
    V, omega = COVARIANCE[:units, :units], MEANS[:, :units]
    z = omega[:, None] + generator.multivariate_normal(np.zeros(units), V, 200_000)
    votes = np.sign(z).sum(-1)
    chances = committee_evolution.outcomes(omega, V)[0]
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(chances[:, 0], (votes > 0).mean(1), atol=5 * 0.5 / 200_000**0.5)


@pytest.mark.parametrize("units", [1, 2, 3])
def test_slopes_are_derivatives_of_chances(units):
    V, omega, step = COVARIANCE[:units, :units], MEANS[:, :units], 1e-5
    slopes = committee_evolution.outcomes(omega, V)[1]
    for unit in range(units):
        shift = step * np.eye(units)[unit]
        above, below = (committee_evolution.outcomes(omega + side * shift, V)[0] for side in (1, -1))
        np.testing.assert_allclose((above - below) / (2 * step), slopes[:, :, unit], atol=1e-9)


def test_one_unit_is_the_perceptron():
    state = committee_evolution.fixed_point(1, 0.8)
    assert state.own == pytest.approx(state_evolution.fixed_point(0.8), abs=1e-4)
    assert state.error == pytest.approx(
        state_evolution.generalisation_error(state_evolution.Overlaps(state.own, state.own)), abs=2e-3
    )
    conjugate = committee_evolution.output_fields(0.8, np.array([[state.own]]))[0][0, 0]
    entropy = state_evolution.posterior_entropy(0.8, conjugate) - np.log(2)
    assert state.free_entropy == pytest.approx(entropy, abs=1e-4)


def test_four_units_are_refused():
    with pytest.raises(ValueError, match="1, 2 and 3"):
        committee_evolution.outcomes(np.zeros((1, 4)), np.eye(4))


@pytest.mark.parametrize("units", [2, 3])
def test_units_stay_alike_at_a_low_load_and_specialise_at_a_high_one(units):
    low = committee_evolution.fixed_point(units, 0.5, (0.02, 0.0))
    assert low.own == pytest.approx(low.other, abs=1e-3)
    high = committee_evolution.fixed_point(units, 6.0, (0.98, 0.0))
    alike = committee_evolution.fixed_point(units, 6.0)
    assert high.own > 0.9
    assert high.other < 0.1
    assert alike.own == pytest.approx(alike.other, abs=1e-9)
    assert high.free_entropy > alike.free_entropy
    assert high.error < alike.error


def test_amp_finds_the_overlaps_of_state_evolution():
    expected = committee_evolution.fixed_point(2, 1.0, (0.02, 0.0))
    found = np.mean([committee_amp.overlaps(seed, 2, 800, 1.0, 40) for seed in range(6)], axis=0)
    np.testing.assert_allclose(found, [expected.own, expected.other], atol=0.03)
    specialised = committee_evolution.fixed_point(3, 6.0, (0.98, 0.0))
    own, other = committee_amp.overlaps(0, 3, 400, 6.0, 20, hint=6.5)
    assert own == pytest.approx(specialised.own, abs=0.05)
    assert other == pytest.approx(specialised.other, abs=0.08)
