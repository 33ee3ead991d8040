"""Run one shard: some seeds of one or several points of a sweep become one tidy table."""

from _bootstrap import ROOT, add_folder, log_to

log = log_to(snakemake)

import importlib
import inspect
import json
import time
from functools import lru_cache, partial
from pathlib import Path

import torch

from nnstatmech import devices
from nnstatmech.datasets.demands import Demand
from nnstatmech.datasets.store import read, read_facts
from nnstatmech.storage import provenance, tables
from nnstatmech.storage.at_hand import runs_at_hand
from nnstatmech.storage.cancelled import check_retry
from nnstatmech.storage.checkpoints import ShardCheckpoint, remove_checkpoints
from nnstatmech.storage.progress import HEARTBEAT_SUFFIX, ShardProgress
from nnstatmech.storage.shards import concatenated, prepend, require_distinct_rows

check_retry(snakemake.resources.attempt)
params, shard = snakemake.params, Path(snakemake.output[0])
add_folder(params.folder)
engine = importlib.import_module(params.engine)
package, _, task = params.engine.partition(".tasks.")
model = importlib.import_module(f"{package}.family").FAMILY.tasks[task]
torch.set_num_threads(snakemake.threads)
device = devices.choose_device(params.device)
facts = {known["name"]: known for known in map(read_facts, snakemake.input.get("facts", []))}
images = dict(zip(params.datasets, snakemake.input.get("images", []), strict=True))
made_by = provenance.collect(ROOT, devices.describe(device)) | {
    "job": f"{snakemake.wildcards.experiment}/{shard.parent.name}/{shard.stem}",
    "threads": snakemake.threads,
}


@lru_cache(maxsize=1)
def dataset_of(name):
    """The images that a run reads; runs that follow each other mostly read the same."""
    return name and read(images[name], facts[name]["digest"])


def identity_of(name, run):
    """What makes a run what it is: what the join compares."""
    digest = facts[run["dataset"]]["digest"] if run["dataset"] else None
    return {
        "experiment": snakemake.wildcards.experiment,
        "run": name,
        "params": run["params"],
        "dataset": run["dataset"],
        "dataset_digest": digest,
        "files": run.get("files", {}),
        "seeds": params.seeds,
        "engine": params.engine,
        "code": params.code,
    }


def compute(names, part):
    """Rows and provenance of runs that read the same images."""
    runs = [params.runs[name] for name in names]
    parameters = [model.model_validate_json(json.dumps(run["params"])) for run in runs]
    source = runs[0]["dataset"]
    for own in parameters if source else []:
        Demand(snakemake.wildcards.experiment, own.needs == "labels", *own.class_range()).check(facts[source])
    dataset = dataset_of(source)
    progress = partial(ShardProgress, file=log, heartbeat=shard.with_suffix(HEARTBEAT_SUFFIX), part=part)
    start = time.perf_counter()
    if len(runs) > 1:
        tables_of_runs = engine.run_together(parameters, params.seeds, dataset, device, progress)
    else:
        given = checkpoint_of(names[0], runs[0])
        tables_of_runs = [engine.run(parameters[0], params.seeds, dataset, device, progress, **given)]
    described = {
        "dataset_description": dataset and dataset.description,
        "stand_in": dataset is not None and dataset.stand_in,
        "seconds": round((time.perf_counter() - start) / len(runs), 3),
    }
    done = {}
    for name, run, rows in zip(names, runs, tables_of_runs, strict=True):
        tables.require_finite(rows, f"{snakemake.wildcards.experiment}/{name}")
        require_distinct_rows(rows, snakemake.output[0])
        labels = {"experiment": snakemake.wildcards.experiment, "run": name, **run["axes"]}
        done[name] = prepend(rows, labels), made_by | identity_of(name, run) | described
    return done


def checkpoint_of(name, run):
    """What an engine that keeps checkpoints is given."""
    if "checkpoint" not in inspect.signature(engine.run).parameters:
        return {}
    bound_to = identity_of(name, run) | {key: made_by[key] for key in ("device", "versions", "threads")}
    return {"checkpoint": ShardCheckpoint(shard, bound_to)}


def computed_at_once(names):
    """Runs as the engine takes them: one by one, or together those that read the same images."""
    if not hasattr(engine, "run_together"):
        return [[name] for name in names]
    groups = {}
    for name in names:
        groups.setdefault(params.runs[name]["dataset"], []).append(name)
    return list(groups.values())


done = runs_at_hand(shard, {name: identity_of(name, run) for name, run in params.runs.items()})
for name in done:
    print(f"{name} is at hand", file=log)
groups = computed_at_once([name for name in params.runs if name not in done])
for number, names in enumerate(groups, 1):
    done |= compute(names, f"part {number} of {len(groups)}" * (len(groups) > 1))
kept = [done[name] for name in params.runs]
tables.write_table(concatenated([rows for rows, _ in kept]), shard, {"shards": [said for _, said in kept]})
remove_checkpoints(shard)
