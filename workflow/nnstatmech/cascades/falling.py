"""The falling procedure: the depth at which networks just train, followed along the weight variance.

Networks start very deep. At each weight variance the depth is lowered until the network trains, then the variance
moves by a step and the search goes on at the depth that was found: the depth never rises again, so the curve is an
upper boundary of trainability only on the side that the procedure walks away from the maximum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SMALLEST_DEPTH = 2  # a network from the inputs to the outputs needs two sizes


@dataclass(frozen=True)
class Outcome:
    """How one network's training ended: best test accuracy, whether it passed the threshold, epochs it took."""

    accuracy: float
    trained: bool
    epochs: int


@dataclass(frozen=True)
class Attempt:
    """One network that was trained."""

    weight_variance: float
    depth: int
    outcome: Outcome


def variance_steps(start: float, step: float, lowest: float, highest: float) -> list[float]:
    """``start``, ``start + step``, ... within [``lowest``, ``highest``], rounded so that sums of .1 stay decimal."""
    variances = []
    while lowest <= (variance := round(start + len(variances) * step, 9)) <= highest:
        variances.append(variance)
    return variances


def collect_falling(
    train: Callable[[int, Sequence[tuple[int, float]]], Sequence[Outcome]],
    walks: Sequence[int],
    variances: Sequence[float],
    start_depth: int,
    depth_step: int,
) -> dict[int, list[Attempt]]:
    """Every attempt of the falling procedure, in order, for each of several independent walks.

    Walks that stand at one depth are trained together. The deepest go first: none moves up again, so each waits for
    those that are still deeper, and all are together as often as they can be.

    Parameters
    ----------
    train
        Trains networks of one depth, one for each (walk, weight variance).
    walks
        Names of the walks: seeds.
    variances
        σ_w² in the order in which they are visited.
    start_depth, depth_step
        Depth of the first network, and by how much it is lowered after a failure; it stays at
        :data:`SMALLEST_DEPTH` once it is there.
    """
    attempts: dict[int, list[Attempt]] = {walk: [] for walk in walks}
    visited = dict.fromkeys(walks, 0)
    depth = start_depth
    while unfinished := [walk for walk in walks if visited[walk] < len(variances)]:
        here = unfinished
        while here:
            members = [(walk, variances[visited[walk]]) for walk in here]
            failed = set()
            for (walk, variance), outcome in zip(members, train(depth, members), strict=True):
                attempts[walk].append(Attempt(variance, depth, outcome))
                if outcome.trained or depth == SMALLEST_DEPTH:
                    visited[walk] += 1
                else:
                    failed.add(walk)
            here = [walk for walk in here if walk not in failed and visited[walk] < len(variances)]
        depth = max(depth - depth_step, SMALLEST_DEPTH)
    return attempts
