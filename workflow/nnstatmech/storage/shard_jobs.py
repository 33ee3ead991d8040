"""A job computes some seeds of one or several runs of an experiment, and writes them as one shard."""

import importlib
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pyarrow as pa
import torch

from ..datasets import Dataset
from ..datasets.demands import Demand
from ..datasets.store import read
from .at_hand import runs_at_hand
from .checkpoints import ShardCheckpoint, remove_checkpoints
from .progress import HEARTBEAT_SUFFIX, ShardProgress
from .shards import concatenated, prepend, require_distinct_rows
from .tables import require_finite, write_table

Found = dict[str, tuple[pa.Table, dict]]


@dataclass(frozen=True)
class ShardJob:
    """What a job is told.

    Attributes
    ----------
    experiment, seeds
        Name of the experiment, and the realisations to compute of each run.
    runs
        Run id to what the plan says of the run: ``params``, ``dataset``, ``axes``, ``files``.
    engine, code
        Module of the task, and the hash of all code that it uses.
    images, facts
        Name of a data set to the file of its images, and to what is known of them.
    shard
        The file to write.
    device
        Where to compute.
    made_by
        Provenance that all runs share.
    log
        Where progress is written.
    """

    experiment: str
    seeds: Sequence[int]
    runs: Mapping[str, Mapping[str, Any]]
    engine: str
    code: str
    images: Mapping[str, str]
    facts: Mapping[str, Mapping[str, Any]]
    shard: Path
    device: torch.device
    made_by: Mapping[str, Any]
    log: TextIO

    def run(self) -> None:
        """Compute the runs that are not at hand, and write all of them, in the order of the plan."""
        done = runs_at_hand(self.shard, {name: self.identity(name) for name in self.runs})
        for name in done:
            print(f"{name} is at hand", file=self.log)
        groups = self.computed_at_once([name for name in self.runs if name not in done])
        for number, names in enumerate(groups, 1):
            done |= self.compute(names, f"part {number} of {len(groups)}" * (len(groups) > 1))
        kept = [done[name] for name in self.runs]
        write_table(concatenated([rows for rows, _ in kept]), self.shard, {"shards": [said for _, said in kept]})
        remove_checkpoints(self.shard)

    def identity(self, name: str) -> dict[str, Any]:
        """What makes a run what it is: what the join compares."""
        run = self.runs[name]
        return {
            "experiment": self.experiment,
            "run": name,
            "params": run["params"],
            "dataset": run["dataset"],
            "dataset_digest": self.facts[run["dataset"]]["digest"] if run["dataset"] else None,
            "files": run.get("files", {}),
            "seeds": self.seeds,
            "engine": self.engine,
            "code": self.code,
        }

    def computed_at_once(self, names: Sequence[str]) -> list[list[str]]:
        """Runs as the engine takes them: one by one, or together those that read the same images."""
        if not hasattr(self.module, "run_together"):
            return [[name] for name in names]
        groups: dict[str | None, list[str]] = {}
        for name in names:
            groups.setdefault(self.runs[name]["dataset"], []).append(name)
        return list(groups.values())

    def compute(self, names: Sequence[str], part: str) -> Found:
        """Rows and provenance of runs that read the same images; ``part`` says where the job stands."""
        parameters = [self.parameters(name) for name in names]
        dataset = self.dataset(names[0])
        progress = partial(ShardProgress, file=self.log, heartbeat=self.shard.with_suffix(HEARTBEAT_SUFFIX), part=part)
        given = (self.seeds, dataset, self.device, progress)
        start = time.perf_counter()
        if len(names) > 1:
            computed = self.module.run_together(parameters, *given)
        else:
            computed = [self.module.run(parameters[0], *given, **self.checkpoint(names[0]))]
        described = {
            "dataset_description": dataset and dataset.description,
            "stand_in": dataset is not None and dataset.stand_in,
            "seconds": round((time.perf_counter() - start) / len(names), 3),
        }
        found = {}
        for name, rows in zip(names, computed, strict=True):
            require_finite(rows, f"{self.experiment}/{name}")
            require_distinct_rows(rows, str(self.shard))
            labels = {"experiment": self.experiment, "run": name, **self.runs[name]["axes"]}
            found[name] = prepend(rows, labels), {**self.made_by, **self.identity(name), **described}
        return found

    @cached_property
    def module(self) -> ModuleType:
        """The engine."""
        return importlib.import_module(self.engine)

    @cached_property
    def model(self) -> type:
        """The class of the task's parameters."""
        package, _, task = self.engine.partition(".tasks.")
        return importlib.import_module(f"{package}.family").FAMILY.tasks[task]

    def parameters(self, name: str) -> Any:
        """A run's parameters, once its data set is known to serve."""
        run = self.runs[name]
        parameters = self.model.model_validate_json(json.dumps(run["params"]))
        if run["dataset"]:
            needs_labels = parameters.needs == "labels"
            Demand(self.experiment, needs_labels, *parameters.class_range()).check(self.facts[run["dataset"]])
        return parameters

    def dataset(self, name: str) -> Dataset | None:
        """The images that a run reads."""
        source = self.runs[name]["dataset"]
        return self.read_images(source) if source else None

    @cached_property
    def read_images(self) -> Callable[[str], Dataset]:
        """Reads a data set by its name, and keeps the last: runs that follow each other mostly read the same."""
        return lru_cache(maxsize=1)(lambda name: read(self.images[name], self.facts[name]["digest"]))

    def checkpoint(self, name: str) -> dict[str, ShardCheckpoint]:
        """What an engine that keeps checkpoints is given."""
        if "checkpoint" not in inspect.signature(self.module.run).parameters:
            return {}
        bound_to = self.identity(name) | {key: self.made_by[key] for key in ("device", "versions", "threads")}
        return {"checkpoint": ShardCheckpoint(self.shard, bound_to)}
