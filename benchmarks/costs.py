"""How right the costs are that ``nnstatmech cost`` gives.

    python benchmarks/costs.py            measured against estimated CPU seconds of 20 figures, as a table
    python benchmarks/costs.py fit        measure the jobs of `fitted_on` and write the factors to measured_costs.json

Names of figures, or of experiments after `fit`, choose those; factors of other kinds of jobs stay as they are.

Sizes are those of ``costs.yaml``; figures have other sizes than the jobs that were fitted. CPU seconds are those of one
thread that computes, without imports, times the speed at which this machine multiplies matrices, measured beside each
job, over that of the reference core.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import importlib
import json
import math
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import torch
import yaml
from pydantic import TypeAdapter

from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Source
from nnstatmech.planning.estimates import REFERENCE_GFLOPS, speed_here
from nnstatmech.planning.layers import of_package
from nnstatmech.planning.measured_costs import FILE, computing_seconds, kind_of, measurements
from nnstatmech.planning.plan import Plan
from nnstatmech.storage.progress import no_progress

CASES = Path(__file__).with_suffix(".yaml")
RIGHT_WITHIN = 1.5


@cache
def dataset_named(name: str):
    entry = of_package().config["data_sources"]["bundled"][name]
    return load(name, TypeAdapter(Source).validate_python(entry), "data", download=False)


def plan_with(experiments: Mapping) -> Plan:
    """The laptop's plan with other sizes."""
    return Plan.of(of_package({"scale": "laptop", "data": "bundled", "experiments": dict(experiments)}))


def timed_runs(plan: Plan, experiment: str):
    """Kind, stated and measured CPU seconds of each run of an experiment, on the reference core."""
    family, task = plan.experiment(experiment).family, str(plan.task(experiment))
    engine = importlib.import_module(plan.engine(experiment))
    seeds = list(range(plan.seed_count(experiment)))
    for name, run in plan.runs[experiment].items():
        params = plan.parameters(experiment, name)
        dataset = dataset_named(run.dataset) if run.dataset else None
        speed = speed_here()
        start = time.process_time()
        engine.run(params, seeds, dataset, torch.device("cpu"), no_progress)
        seconds = time.process_time() - start
        speed = (speed + speed_here()) / 2
        counted = params.with_images(len(dataset.train_images) if dataset else None)
        yield kind_of(family, task, params), computing_seconds(counted, len(seeds)), seconds * speed / REFERENCE_GFLOPS


def warm_up(plan: Plan, experiments) -> None:
    """Import the engines and compile what they compile, so that no job is charged for it."""
    for experiment in experiments:
        importlib.import_module(plan.engine(experiment))
    torch.randn(64, 64) @ torch.randn(64, 64)


def fit(fitted_on: Mapping) -> None:
    """Measure all jobs and write, for each kind, measured over stated seconds and the longest of them."""
    plan = plan_with(fitted_on)
    warm_up(plan, fitted_on)
    found: dict[str, list[tuple[float, float]]] = {}
    for experiment in fitted_on:
        for kind, stated, seconds in timed_runs(plan, experiment):
            found.setdefault(kind, []).append((stated, seconds))
            print(f"{experiment:26s} {kind:48s} stated {stated:8.2f} s, measured {seconds:8.2f} s", flush=True)
            write(found)


def write(found: Mapping[str, list[tuple[float, float]]]) -> None:
    kinds = json.loads(FILE.read_text(encoding="utf-8"))
    for kind, jobs in sorted(found.items()):
        stated, measured = (sum(job[i] for job in jobs) for i in (0, 1))
        longest = max(seconds for _, seconds in jobs)
        factor = float(f"{measured / stated:.3g}") if stated > 0 else 1.0
        kinds[kind] = {"factor": factor, "cpu_seconds": float(f"{longest:.3g}")}
    FILE.write_text(json.dumps(dict(sorted(kinds.items())), indent=1) + "\n", encoding="utf-8")


def check(checked_on: Mapping) -> None:
    """Print estimated and measured seconds of each figure, and how many are right within a factor."""
    ratios = {}
    print(f"{'figure':22s} {'estimated':>10s} {'measured':>10s} {'ratio':>6s}   longest extrapolation")
    for figure, experiments in checked_on.items():
        plan = plan_with(experiments)
        warm_up(plan, experiments)
        estimated = measured = extrapolated = 0.0
        for experiment in experiments:
            for kind, stated, seconds in timed_runs(plan, experiment):
                known = measurements().get(kind)
                estimated += stated * (known.factor if known else 1.0)
                measured += seconds
                extrapolated = max(extrapolated, seconds / known.cpu_seconds if known else math.inf)
        ratios[figure] = estimated / measured
        print(
            f"{figure:22s} {estimated:10.2f} {measured:10.2f} {ratios[figure]:6.2f}   {extrapolated:.1f} times",
            flush=True,
        )
    right = [figure for figure, ratio in ratios.items() if 1 / RIGHT_WITHIN <= ratio <= RIGHT_WITHIN]
    print(f"right within a factor {RIGHT_WITHIN}: {len(right)} of {len(ratios)}")


if __name__ == "__main__":
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    if sys.argv[1:2] == ["fit"]:
        names = sys.argv[2:] or list(cases["fitted_on"])
        fit({name: cases["fitted_on"][name] for name in names})
    else:
        names = sys.argv[1:] or list(cases["checked_on"])
        check({name: cases["checked_on"][name] for name in names})
