"""The falling procedure with networks of known capacity."""

import pytest

from nnstatmech.cascades.falling import SMALLEST_DEPTH, Outcome, collect_falling, variance_steps


def capacity_of(variance):
    """Largest depth that trains in the stub: a peak at 1.7."""
    return int(40 - 25 * abs(variance - 1.7))


def stub(variance, depth):
    trained = depth <= capacity_of(variance)
    return Outcome(0.5 if trained else 0.1, trained, 1)


@pytest.mark.parametrize("step", [-0.1, 0.1])
def test_falling_finds_the_boundary_and_never_rises(step):
    variances = variance_steps(1.7, step, 0.1, 4.0)
    attempts = list(collect_falling(stub, variances, start_depth=60, depth_step=5))
    depths = [attempt.depth for attempt in attempts]
    assert depths == sorted(depths, reverse=True)
    assert [
        attempt.weight_variance for attempt in attempts if attempt.outcome.trained or attempt.depth == 2
    ] == variances
    for attempt in attempts:
        if attempt.outcome.trained:
            assert capacity_of(attempt.weight_variance) - 5 < attempt.depth <= capacity_of(attempt.weight_variance)


def test_falling_ends_where_nothing_trains():
    attempts = list(collect_falling(lambda variance, depth: Outcome(0.1, False, 1), [1.7, 1.6], 11, 4))
    assert [(a.weight_variance, a.depth) for a in attempts] == [(1.7, 11), (1.7, 7), (1.7, 3), (1.7, 2), (1.6, 2)]
    assert attempts[-1].depth == SMALLEST_DEPTH


def test_variances_end_within_the_range():
    assert variance_steps(1.7, -0.5, 0.1, 4.0) == [1.7, 1.2, 0.7, 0.2]
    assert variance_steps(0.1, 0.1, 0.1, 0.4) == [0.1, 0.2, 0.3, 0.4]
