"""How many realisations one job computes, and what it asks the scheduler for."""

import math
from collections.abc import Callable, Sequence

from ..parameters import Cost

JOB_SECONDS = {"laptop": 120.0, "paper": 600.0}  # computing in one job, where more than one realisation fits in
BATCH_SECONDS = {"laptop": 240.0, "paper": 600.0}  # where more than one run does
START_SECONDS = 2.0  # in the cost of every run: importing torch, which the runs of one job do once
LONGEST_SECONDS = 3600.0  # of a job of up to MOST_LONG realisations
MOST_LONG = 8
LARGEST_SHARD = 1024
LEAST_MEMORY = 1000  # MB: Python, torch and the table
LEAST_MINUTES = 10
ROOM = 1.5  # asked for over what is expected, for a slower or busier machine


def seconds_a_seed(cost: Callable[[int], Cost]) -> float:
    """CPU seconds of one more realisation: without what every job costs, as importing torch.

    Parameters
    ----------
    cost
        What a number of realisations takes.
    """
    return max((cost(9).cpu_seconds - cost(1).cpu_seconds) / 8, 1e-3)


def seconds_in_a_job(cost: Cost) -> float:
    """CPU seconds that a run adds to a job that other runs share."""
    return max(cost.cpu_seconds - START_SECONDS, 0.0)


def cost_of_job(costs: Sequence[Cost]) -> Cost:
    """What runs take that one job computes, one after the other."""
    return Cost(START_SECONDS + sum(map(seconds_in_a_job, costs)), max(cost.memory_mb for cost in costs))


def seeds_in_a_shard(seconds: float, scale: str) -> int:
    """Realisations in one job, a power of two, so that borders move only where a cost changes a lot.

    A job of up to eight realisations may take an hour; one of more takes ten minutes, on a laptop a minute and a half.
    A realisation of more than an hour has a job of its own.
    """
    fitting = power_of_two_within(JOB_SECONDS[scale] / seconds)
    if scale == "paper" and fitting < MOST_LONG:
        fitting = min(MOST_LONG, power_of_two_within(LONGEST_SECONDS / seconds))
    return min(fitting, LARGEST_SHARD)


def power_of_two_within(bound: float) -> int:
    """The largest power of two up to ``bound``, at least 1."""
    return 2 ** max(math.floor(math.log2(bound)), 0) if bound > 1 else 1


def memory_to_ask(cost: Cost) -> int:
    """Memory of a job in MB."""
    return LEAST_MEMORY + math.ceil(ROOM * cost.memory_mb)


def minutes_to_ask(cost: Cost) -> int:
    """Wall time of a job in minutes."""
    return LEAST_MINUTES + math.ceil(2 * ROOM * cost.cpu_seconds / 60)
