"""What experiments and figures are expected to take, before anything runs.

The numbers come from :meth:`nnstatmech.parameters.Parameters.cost`, which the scheduler's resources use, too.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..parameters import Cost
from .job_sizes import memory_to_ask
from .plan import Plan

REFERENCE_GFLOPS = 100.0  # of the core that costs are counted for: products of single-precision matrices
PRODUCT_SIZE = 1024  # of the matrices that are multiplied to compare this machine with it


@dataclass(frozen=True)
class Estimate:
    """What some experiments take together.

    Attributes
    ----------
    jobs
        Shards.
    core_hours
        Of one thread, on a core that multiplies single-precision matrices at 100 GFLOP/s.
    memory_mb
        What the largest job asks for.
    """

    jobs: int = 0
    core_hours: float = 0.0
    memory_mb: int = 0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.jobs + other.jobs, self.core_hours + other.core_hours, max(self.memory_mb, other.memory_mb)
        )


def of_experiment(plan: Plan, experiment: str) -> Estimate:
    """What all shards of an experiment take."""
    whole, rest = divmod(plan.seed_count(experiment), plan.shard_size(experiment))
    sizes = {plan.shard_size(experiment): whole, rest: 1}
    total = Estimate()
    for run in plan.runs[experiment]:
        params = plan.parameters(experiment, run)
        for seeds, jobs in sizes.items():
            if seeds and jobs:
                cost = params.cost(seeds)
                total += Estimate(jobs, jobs * cost.cpu_seconds / 3600, memory_to_ask(cost))
    return total


def of_experiments(plan: Plan, experiments: Iterable[str]) -> Estimate:
    """What some experiments take together; one that is named twice runs once."""
    return sum((of_experiment(plan, name) for name in dict.fromkeys(experiments)), Estimate())


def shards_at_hand(plan: Plan, experiment: str, results: Path) -> list[Path]:
    """Files of the experiment's shards that are there, whatever made them."""
    folder = results / plan.setting / plan.experiment(experiment).family / experiment
    shards = (
        folder / run / f"shard-{shard}.parquet" for run in plan.runs[experiment] for shard in plan.shards(experiment)
    )
    return [path for path in shards if path.is_file()]


def disk_mb(plan: Plan, experiments: Iterable[str], results: Path) -> float | None:
    """Disk that the shards of some experiments take, from those at hand; None if one of them has none yet."""
    total = 0.0
    for experiment in dict.fromkeys(experiments):
        sizes = [path.stat().st_size for path in shards_at_hand(plan, experiment, results)]
        if not sizes:
            return None
        total += sum(sizes) / len(sizes) * plan.shard_count(experiment) * len(plan.runs[experiment])
    return total / 1e6


def speed_here() -> float:
    """How fast one thread of this machine multiplies single-precision matrices, in GFLOP/s."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    matrix = np.full((PRODUCT_SIZE, PRODUCT_SIZE), 0.5, np.float32)
    seconds = []
    with threadpool_limits(1):
        for _ in range(5):
            start = time.perf_counter()
            np.matmul(matrix, matrix)
            seconds.append(time.perf_counter() - start)
    return 2 * PRODUCT_SIZE**3 / min(seconds) / 1e9


def sentence(costs: Sequence[Cost]) -> str:
    """What jobs take together, in one line."""
    seconds = sum(cost.cpu_seconds for cost in costs)
    memory = max(memory_to_ask(cost) for cost in costs)
    jobs = f"{len(costs)} job{'s' * (len(costs) != 1)}"
    return f"Cost: about {hours(seconds / 3600)} core hours in {jobs}, up to {megabytes(memory)} of memory a job."


def hours(value: float) -> str:
    """Hours with the digits that an estimate has."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def megabytes(value: float) -> str:
    return f"{value / 1000:.1f} GB" if value >= 1000 else f"{value:.2g} MB"
