"""The falling procedure: the depth at which networks just train, followed along the weight variance.

Networks start very deep. At each weight variance the depth is lowered until the network trains, then the variance
moves by a step and the search goes on at the depth that was found: the depth never rises again, so the curve is an
upper boundary of trainability only on the side that the procedure walks away from the maximum.
"""

from collections.abc import Callable, Iterator, Sequence
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
    train: Callable[[float, int], Outcome], variances: Sequence[float], start_depth: int, depth_step: int
) -> Iterator[Attempt]:
    """Every attempt of the falling procedure, in order.

    Parameters
    ----------
    train
        Trains a network of a weight variance and depth.
    variances
        σ_w² in the order in which they are visited.
    start_depth, depth_step
        Depth of the first network, and by how much it is lowered after a failure; it stays at
        :data:`SMALLEST_DEPTH` once it is there.
    """
    depth = start_depth
    for variance in variances:
        while True:
            outcome = train(variance, depth)
            yield Attempt(variance, depth, outcome)
            if outcome.trained or depth == SMALLEST_DEPTH:
                break
            depth = max(depth - depth_step, SMALLEST_DEPTH)
