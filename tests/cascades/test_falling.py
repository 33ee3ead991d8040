"""The falling procedure with networks of known capacity."""

import pytest

from nnstatmech.cascades.falling import SMALLEST_DEPTH, Outcome, collect_falling, variance_steps


def capacity_of(variance):
    """Largest depth that trains in the stub: a peak at 1.7."""
    return int(40 - 25 * abs(variance - 1.7))


def stub(depth, members):
    found = []
    for walk, variance in members:
        trained = depth <= capacity_of(variance) + walk
        found.append(Outcome(0.5 if trained else 0.1, trained, 1))
    return found


@pytest.mark.parametrize("step", [-0.1, 0.1])
def test_falling_finds_the_boundary_and_never_rises(step):
    variances = variance_steps(1.7, step, 0.1, 4.0)
    attempts = collect_falling(stub, [0], variances, start_depth=60, depth_step=5)[0]
    depths = [attempt.depth for attempt in attempts]
    assert depths == sorted(depths, reverse=True)
    assert [
        attempt.weight_variance for attempt in attempts if attempt.outcome.trained or attempt.depth == 2
    ] == variances
    for attempt in attempts:
        if attempt.outcome.trained:
            assert capacity_of(attempt.weight_variance) - 5 < attempt.depth <= capacity_of(attempt.weight_variance)


def test_walks_together_are_those_alone_in_fewer_calls():
    variances, calls = variance_steps(1.7, 0.1, 0.1, 4.0), []

    def counted(depth, members):
        calls.append(len(members))
        return stub(depth, members)

    together = collect_falling(counted, [0, 3, 9], variances, 60, 5)
    alone = {walk: collect_falling(stub, [walk], variances, 60, 5)[walk] for walk in (0, 3, 9)}
    assert together == alone
    assert sum(calls) == sum(map(len, alone.values()))
    assert len(calls) < 0.6 * sum(calls)


def test_falling_ends_where_nothing_trains():
    attempts = collect_falling(lambda depth, members: [Outcome(0.1, False, 1)], [0], [1.7, 1.6], 11, 4)[0]
    assert [(a.weight_variance, a.depth) for a in attempts] == [(1.7, 11), (1.7, 7), (1.7, 3), (1.7, 2), (1.6, 2)]
    assert attempts[-1].depth == SMALLEST_DEPTH


def test_variances_end_within_the_range():
    assert variance_steps(1.7, -0.5, 0.1, 4.0) == [1.7, 1.2, 0.7, 0.2]
    assert variance_steps(0.1, 0.1, 0.1, 0.4) == [0.1, 0.2, 0.3, 0.4]
