"""By how much the engines were measured to be off the costs that their parameters state.

A task's :meth:`~nnstatmech.parameters.Parameters.cost` says how its time grows with its parameters.
``benchmarks/costs.py fit`` runs small jobs, relates their CPU seconds to a product of matrices that is timed beside
them, and writes to ``measured_costs.json``, for each kind of job, by what the stated time is to be multiplied and how
long the jobs took that say so. The sizes of shards do not follow these factors: measuring anew moves no border between
shards.
"""

import json
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..parameters import Cost, Parameters

FILE = Path(__file__).with_suffix(".json")
# Parameters that change what a job does, and not only how much of it.
CHOICES = ("architecture", "algorithm", "sampler", "decoder", "procedure", "reference")


@dataclass(frozen=True)
class Measured:
    """What was measured of a kind of job.

    Attributes
    ----------
    factor
        Measured over stated CPU seconds; 1 where nothing was measured.
    cpu_seconds
        Of the longest job that was measured, on the reference core; 0 if none was.
    """

    factor: float = 1.0
    cpu_seconds: float = 0.0


def kind_of(family: str, task: str, params: Parameters) -> str:
    """The kind of a job, as ``moments/propagation/bn_ff+connected``."""
    chosen = [str(value) for name in CHOICES if (value := getattr(params, name, None)) is not None]
    if getattr(params, "kernel_size", None) == 1:
        chosen.append("connected")
    if getattr(params, "max_sweeps", 1) > 1:
        chosen.append("sweeps")
    return f"{family}/{task}/{'+'.join(chosen)}"


@cache
def measurements() -> dict[str, Measured]:
    """Kind of job to what was measured of it."""
    return {kind: Measured(**found) for kind, found in json.loads(FILE.read_text(encoding="utf-8")).items()}


def start_seconds(params: Parameters) -> float:
    """What a job takes before it computes: imports, mostly. As the task's module states it."""
    module = sys.modules[type(params).__module__]
    return getattr(module, "START_SECONDS", getattr(getattr(module, "START", None), "cpu_seconds", 0.0))


def computing_seconds(params: Parameters, seeds: int) -> float:
    """Stated CPU seconds of a job of ``seeds`` realisations beyond its start."""
    return max(params.cost(seeds).cpu_seconds - start_seconds(params), 0.0)


def corrected(family: str, task: str, params: Parameters, stated: Cost) -> Cost:
    """What a job takes: the stated CPU seconds, beyond the start, times what was measured."""
    factor = measurements().get(kind_of(family, task, params), Measured()).factor
    start = min(start_seconds(params), stated.cpu_seconds)
    return replace(stated, cpu_seconds=start + factor * (stated.cpu_seconds - start))


def extrapolation(family: str, task: str, params: Parameters, seeds: int) -> float | None:
    """How many times longer a job computes than the longest one of its kind that was measured; None if none was."""
    measured = measurements().get(kind_of(family, task, params), Measured())
    if measured.cpu_seconds == 0:
        return None
    return measured.factor * computing_seconds(params, seeds) / measured.cpu_seconds
