"""Which runs of an experiment one job computes, and what runs and jobs are called.

A job imports torch, which takes seconds, so that small runs share one: those that differ in some axes of the sweep
only, the axes that are *batched*. A job is named by the other axes.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

RUN_ID = re.compile(r"[A-Za-z0-9_=.+-]+")  # a comma would split a SLURM job's list of targets
ALL = "all"  # the job of an experiment whose axes are all batched


def label(value) -> str:
    """A value as it appears in a run's id."""
    if isinstance(value, list | tuple):
        return "-".join(map(label, value))
    return "none" if value is None else str(value)


def run_id(axes: Mapping) -> str:
    """A readable identity that does not depend on the order of the axes: ``batch_size=64+rho=1.0001``."""
    return "+".join(f"{name}={label(axes[name])}" for name in sorted(axes)) or "single"


def batch_id(axes: Mapping, batched: Collection[str]) -> str:
    """Name of the job that computes the run at ``axes``: the run's own where no axis is batched."""
    rest = {name: value for name, value in axes.items() if name not in batched}
    return run_id(rest) if rest or not batched else ALL


def batches_of(runs: Mapping[str, Mapping], batched: Collection[str]) -> dict[str, list[str]]:
    """Name of every job to its runs, in the order of the sweep.

    Parameters
    ----------
    runs
        Id of a run to the values of its axes.
    batched
        Axes whose values are computed in one job.
    """
    batches: dict[str, list[str]] = {}
    for identity, axes in runs.items():
        batches.setdefault(batch_id(axes, batched), []).append(identity)
    return batches


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All subsets but the empty one, the small ones first."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def axes_to_batch(runs: Mapping[str, Mapping], seconds: Mapping[str, float], most: float) -> tuple[str, ...]:
    """The axes that give the fewest jobs of at most ``most`` seconds; of equally many, the shortest longest job.

    Axes with one value are left out; none where every job would be longer.

    Parameters
    ----------
    runs
        Id of a run to the values of its axes.
    seconds
        Id of a run to what it adds to a job.
    """
    names = list(next(iter(runs.values()), {}))
    several = [name for name in names if len({label(axes[name]) for axes in runs.values()}) > 1]
    best, fewest = (), (len(runs), 0.0)
    for batched in subsets(several):
        jobs = [sum(seconds[run] for run in batch) for batch in batches_of(runs, batched).values()]
        if max(jobs) <= most and (len(jobs), max(jobs)) < fewest:
            best, fewest = batched, (len(jobs), max(jobs))
    return best
