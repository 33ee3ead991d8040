"""What experiments and figures are expected to take, before anything runs.

The numbers come from :meth:`nnstatmech.parameters.Parameters.cost`, which the scheduler's resources use, too.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..parameters import Cost
from .job_sizes import cost_of_job, memory_to_ask
from .measured_costs import corrected, extrapolation, kind_of
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
    extrapolated
        How many times longer a job computes than the longest one of its kind that was measured, at most.
    unmeasured
        Kinds of jobs of which none was measured: their cost is what the formula of their task says.
    """

    jobs: int = 0
    core_hours: float = 0.0
    memory_mb: int = 0
    extrapolated: float = 0.0
    unmeasured: frozenset[str] = frozenset()

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.jobs + other.jobs,
            self.core_hours + other.core_hours,
            max(self.memory_mb, other.memory_mb),
            max(self.extrapolated, other.extrapolated),
            self.unmeasured | other.unmeasured,
        )


def of_experiment(plan: Plan, experiment: str) -> Estimate:
    """What all shards of an experiment take."""
    whole, rest = divmod(plan.seed_count(experiment), plan.shard_size(experiment))
    sizes = {plan.shard_size(experiment): whole, rest: 1}
    total = Estimate()
    for batch in plan.batches[experiment]:
        for seeds, jobs in sizes.items():
            if seeds and jobs:
                cost = of_job(plan, experiment, batch, seeds)
                total += Estimate(jobs, jobs * cost.cpu_seconds / 3600, memory_to_ask(cost))
    return compared(total, plan, experiment)


def of_job(plan: Plan, experiment: str, batch: str, seeds: int) -> Cost:
    """What a job with so many realisations of each of its runs takes, by what was measured of such jobs."""
    family, task = plan.experiment(experiment).family, str(plan.task(experiment))
    return cost_of_job(
        [
            corrected(family, task, plan.parameters(experiment, run), plan.cost(experiment, run, seeds))
            for run in plan.batch(experiment, batch)
        ]
    )


def compared(estimate: Estimate, plan: Plan, experiment: str) -> Estimate:
    """How far an estimate is extrapolated from jobs that were measured."""
    family, task = plan.experiment(experiment).family, str(plan.task(experiment))
    runs = [plan.parameters(experiment, run) for run in plan.runs[experiment]]
    found = [extrapolation(family, task, params, plan.shard_size(experiment)) for params in runs]
    return replace(
        estimate,
        extrapolated=max((times for times in found if times is not None), default=0.0),
        unmeasured=frozenset(
            kind_of(family, task, params) for params, times in zip(runs, found, strict=True) if times is None
        ),
    )


def of_experiments(plan: Plan, experiments: Iterable[str]) -> Estimate:
    """What some experiments take together; one that is named twice runs once."""
    return sum((of_experiment(plan, name) for name in dict.fromkeys(experiments)), Estimate())


def shards_at_hand(plan: Plan, experiment: str, results: Path) -> list[Path]:
    """Files of the experiment's shards that are there, whatever made them."""
    folder = results / plan.setting / plan.experiment(experiment).family / experiment
    shards = (
        folder / batch / f"shard-{shard}.parquet"
        for batch in plan.batches[experiment]
        for shard in plan.shards(experiment)
    )
    return [path for path in shards if path.is_file()]


def disk_mb(plan: Plan, experiments: Iterable[str], results: Path) -> float | None:
    """Disk that the shards of some experiments take, from those at hand; None if one of them has none yet."""
    total = 0.0
    for experiment in dict.fromkeys(experiments):
        sizes = [path.stat().st_size for path in shards_at_hand(plan, experiment, results)]
        if not sizes:
            return None
        total += sum(sizes) / len(sizes) * plan.shard_count(experiment) * len(plan.batches[experiment])
    return total / 1e6


def speed_here() -> float:
    """How fast one thread of this machine multiplies single-precision matrices, in GFLOP a CPU second."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    matrix = np.full((PRODUCT_SIZE, PRODUCT_SIZE), 0.5, np.float32)
    seconds = []
    with threadpool_limits(1):
        for _ in range(5):
            start = time.process_time()
            np.matmul(matrix, matrix)
            seconds.append(time.process_time() - start)
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
