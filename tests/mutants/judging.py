"""Small experiments with an engine, and what the claims say of their tables."""

import importlib
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import yaml

from .mutation import HERE, Mutant, install

SEEDS_APART = 1000  # between the first seeds of two sets
# Imported before processes fork: each of them would need seconds for it.
HEAVY = (
    "torch",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "scipy.optimize",
    "scipy.integrate",
    "sklearn.datasets",
    "pydantic",
)


@dataclass(frozen=True)
class Judged:
    """A claim's verdict on one set of seeds; ``seconds`` are those of the experiments that the process computed."""

    claim: str
    verdict: str
    value: float | None
    standard_error: float | None
    reason: str = ""


@cache
def read(name: str) -> dict:
    path = HERE / "twins" / f"{name}.yaml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def twins_of(family: str) -> dict:
    """Small ``experiments``, ids of claims that hold ``as_stated`` on them, and changed entries of ``claims``."""
    return read(family)


def claims_of(family: str, calibrated: bool = True) -> list:
    """The claims that are judged on the twins: those all of whose experiments have one.

    Parameters
    ----------
    calibrated
        Whether claims expect what the engine was found to give at the twins' sizes (see :mod:`.calibration`), but for
        those that hold as stated.
    """
    from nnstatmech.planning.claims import Claim, read_claims
    from nnstatmech.planning.families import families_of

    twins, expected = twins_of(family), read(f"{family}_expected")
    changes, as_stated = twins.get("claims") or {}, set(twins.get("as_stated") or [])
    found = {claim.id: claim for claim in read_claims(families_of())[0] if claim.family == family}
    if unknown := (set(changes) | as_stated) - set(found):
        raise ValueError(f"twins of {family}: there are no claims {', '.join(sorted(unknown))}")
    claims = []
    for name, claim in found.items():
        if changes.get(name, {}) is None or not set(claim.tables) <= set(twins["experiments"]):
            continue
        entry = claim.model_dump() | {"holds_at": {}} | changes.get(name, {})
        if calibrated and name not in as_stated:
            if name not in expected:
                continue
            entry |= {"comparison": "equal"} | expected[name]
        claims.append(Claim.model_validate(entry))
    return claims


def plan_of(family: str):
    """The plan with the twins' sizes."""
    from nnstatmech.planning.layers import of_package
    from nnstatmech.planning.plan import Plan

    return Plan.of(of_package({"scale": "laptop", "data": "bundled", "experiments": twins_of(family)["experiments"]}))


def experiments_touched(family: str, module: str) -> list[str]:
    """The twins whose engine imports a module, directly or not."""
    from nnstatmech.planning.codehash import import_closure, module_file

    plan, file = plan_of(family), module_file(f"nnstatmech.{module}")
    return [name for name in twins_of(family)["experiments"] if file in import_closure(plan.engine(name))]


def claims_touched(family: str, module: str) -> list[str]:
    """The claims that a mistake in a module can change: those of such experiments, or all where measures use it."""
    from nnstatmech.planning.codehash import import_closure, module_file

    touched = set(experiments_touched(family, module))
    claims = claims_of(family)
    if module_file(f"nnstatmech.{module}") in import_closure(f"nnstatmech.{family}.measures"):
        return [claim.id for claim in claims]
    return [claim.id for claim in claims if touched & set(claim.tables)]


@cache
def dataset_named(data: str, name: str):
    from pydantic import TypeAdapter

    from nnstatmech.datasets.load import load
    from nnstatmech.datasets.sources import Source
    from nnstatmech.planning.layers import of_package

    entry = of_package().config["data_sources"][data][name]
    return load(name, TypeAdapter(Source).validate_python(entry), "data", download=False)


def made_table(plan, experiment: str, seed_set: int):
    """The table of an experiment on one set of seeds, as the workflow would join it."""
    import pandas as pd
    import pyarrow as pa
    import torch

    from nnstatmech.storage.progress import no_progress
    from nnstatmech.storage.shards import prepend

    engine = importlib.import_module(plan.engine(experiment))
    seeds = [seed_set * SEEDS_APART + seed for seed in range(plan.seed_count(experiment))]
    parts, runs, shards = [], {}, []
    for name, run in plan.runs[experiment].items():
        dataset = dataset_named(plan.settings.data, run.dataset) if run.dataset else None
        params = plan.parameters(experiment, name)
        made = engine.run(params, seeds, dataset, torch.device("cpu"), no_progress)
        parts.append(prepend(made, {"experiment": experiment, "run": name, **run.axes}))
        runs[name] = run.params | {"dataset": run.dataset}
        shards.append({"run": name, "seeds": seeds, "device": "cpu", "params": run.params, "dataset": run.dataset})
    frame: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries().to_pandas()
    frame.attrs.update(runs=runs, shards=shards)
    return frame


def judge(
    family: str,
    seed_set: int,
    mutant: Mutant | None = None,
    only: Sequence[str] | None = None,
    calibrated: bool = True,
) -> list[Judged]:
    """Verdicts of claims (of all, or of ``only`` some) on one set of seeds, in this process.

    An engine that fails, or writes numbers that are not finite, has been noticed without any claim: verdict ``error``.
    """
    import torch

    if mutant is not None:
        install(mutant)
    torch.set_num_threads(1)
    scorecard = importlib.import_module("nnstatmech.scorecard")
    claims = [claim for claim in claims_of(family, calibrated) if only is None or claim.id in only]
    plan = plan_of(family)
    frames, failures = {}, {}
    for name in dict.fromkeys(table for claim in claims for table in claim.tables):
        start = time.process_time()
        try:
            frames[name] = made_table(plan, name, seed_set)
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}"
        if os.environ.get("MUTANTS_TIMES"):
            print(f"{name}: {time.process_time() - start:.1f} s", flush=True)
    judged = []
    for claim in claims:
        if failed := [failures[name] for name in claim.tables if name in failures]:
            judged.append(Judged(claim.id, "error", None, None, failed[0]))
            continue
        try:
            row = scorecard.judge(claim, frames, plan.families[family].measures, "laptop", "bundled")
        except Exception as error:
            row: dict = {"verdict": "error", "reason": f"{type(error).__name__}: {error}"}
        judged.append(
            Judged(claim.id, row["verdict"], row.get("value"), row.get("standard_error"), str(row.get("reason", "")))
        )
    return judged


def judge_task(task: tuple) -> list[Judged]:
    return judge(*task)


def judge_apart(tasks: Iterable[tuple], processes: int) -> Iterator[list[Judged]]:
    """:func:`judge` of each tuple of its arguments, in a process of its own each."""
    for name in HEAVY:
        importlib.import_module(name)
    with multiprocessing.get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap(judge_task, tasks, chunksize=1)
