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


def compute(name, run, part):
    """Rows and provenance of one run."""
    parameters = model.model_validate_json(json.dumps(run["params"]))
    if run["dataset"]:
        needs_labels = parameters.needs == "labels"
        Demand(snakemake.wildcards.experiment, needs_labels, *parameters.class_range()).check(facts[run["dataset"]])
    dataset, identity = dataset_of(run["dataset"]), identity_of(name, run)
    progress = partial(ShardProgress, file=log, heartbeat=shard.with_suffix(HEARTBEAT_SUFFIX), part=part)
    given = {}
    if "checkpoint" in inspect.signature(engine.run).parameters:
        bound_to = identity | {key: made_by[key] for key in ("device", "versions", "threads")}
        given["checkpoint"] = ShardCheckpoint(shard, bound_to)
    start = time.perf_counter()
    rows = engine.run(parameters, params.seeds, dataset, device, progress, **given)
    seconds = round(time.perf_counter() - start, 3)
    tables.require_finite(rows, f"{snakemake.wildcards.experiment}/{name}")
    require_distinct_rows(rows, snakemake.output[0])
    described = {
        "dataset_description": dataset and dataset.description,
        "stand_in": dataset is not None and dataset.stand_in,
    }
    labels = {"experiment": snakemake.wildcards.experiment, "run": name, **run["axes"]}
    return prepend(rows, labels), made_by | identity | described | {"seconds": seconds}


there = runs_at_hand(shard, {name: identity_of(name, run) for name, run in params.runs.items()})
for name in there:
    print(f"{name} is at hand", file=log)
done = [
    there.get(name) or compute(name, run, f"run {number} of {len(params.runs)}" * (len(params.runs) > 1))
    for number, (name, run) in enumerate(params.runs.items(), 1)
]
tables.write_table(concatenated([rows for rows, _ in done]), shard, {"shards": [said for _, said in done]})
remove_checkpoints(shard)
