"""State evolution against the published fixed points and a direct simulation of the scalar channel."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from nnstatmech.message_passing import state_evolution
from nnstatmech.message_passing.state_evolution import Overlaps


@pytest.mark.parametrize(
    ("load", "overlap", "error"),
    [(0.5, 0.2931, 0.318), (1.0, 0.5607, 0.231), (1.3, 0.7259, 0.175), (1.45, 0.8288, 0.136)],
)
def test_fixed_points(load, overlap, error):
    q = state_evolution.fixed_point(load)
    assert q == pytest.approx(overlap, abs=5e-5)  # four printed digits
    assert state_evolution.generalisation_error(Overlaps(q, q)) == pytest.approx(error, abs=5e-4)


def test_spinodal_and_information_threshold():
    # Györgyi 1990: 1.493 and 1.245, as printed.
    assert state_evolution.spinodal()[0] == pytest.approx(1.4926, abs=5e-5)
    assert state_evolution.information_threshold() == pytest.approx(1.245, abs=5e-4)
    assert state_evolution.fixed_point(1.5) == 1.0
    assert state_evolution.fixed_point(0.0) == 0.0


def test_trajectory_stays_on_the_nishimori_line_and_reaches_the_fixed_point():
    states = state_evolution.trajectory(1.0, 60)
    assert max(abs(s.teacher - s.self) for s in states) < 1e-10
    assert states[-1].self == pytest.approx(state_evolution.fixed_point(1.0), abs=1e-9)
    assert [s.teacher for s in states[1:4]] == pytest.approx([0.4146, 0.5099, 0.5414], abs=5e-5)


def test_trajectory_from_random_fields_returns_to_the_nishimori_line():
    states = state_evolution.trajectory(1.0, 60, initial_self_overlap=0.394)
    assert states[1].self > states[1].teacher + 0.1
    assert states[-1].teacher == pytest.approx(states[-1].self, abs=1e-8)
    assert states[-1].self == pytest.approx(state_evolution.fixed_point(1.0), abs=1e-8)


def test_trajectory_beyond_the_spinodal_finds_the_teacher():
    assert state_evolution.trajectory(1.6, 60)[-1].teacher == pytest.approx(1.0, abs=1e-6)


def test_output_fields_off_the_nishimori_line_against_adaptive_quadrature():
    """R̂ and q̂ from their definitions: labels of a teacher with the right conditional law, weight by weight."""
    load, overlaps = 0.7, Overlaps(0.3, 0.5)
    variance = 1 - overlaps.self

    def g(omega, label):
        u = label * omega / np.sqrt(variance)
        return label * norm.pdf(u) / norm.cdf(u) / np.sqrt(variance)

    slope = overlaps.teacher / overlaps.self
    spread = np.sqrt(1 - overlaps.teacher * slope)

    def expectation(function):
        density = norm(scale=np.sqrt(overlaps.self)).pdf
        return quad(lambda w: density(w) * sum(function(w, y) for y in (-1, 1)), -8, 8, epsabs=1e-12)[0]

    field_variance = load * expectation(lambda w, y: norm.cdf(y * slope * w / spread) * g(w, y) ** 2)
    teacher_field = load * expectation(lambda w, y: y * norm.pdf(slope * w / spread) / spread * g(w, y))
    assert state_evolution.output_fields(load, overlaps) == pytest.approx((teacher_field, field_variance), rel=1e-9)


def test_entropy_is_log_two_without_patterns_and_falls_with_the_load():
    conjugates = [0.01, 0.5, 1.0, 1.5]
    entropies = [state_evolution.posterior_entropy(state_evolution.load_at(c), c) for c in conjugates]
    # One bit per weight less the information of alpha patterns, each one bit while q is near 0.
    assert entropies[0] == pytest.approx(np.log(2) * (1 - state_evolution.load_at(0.01)), rel=2e-3)
    assert all(np.diff(entropies) < 0)
