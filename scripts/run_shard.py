"""Run one shard: some seeds of one point of a sweep become one tidy table."""

from _bootstrap import ROOT, add_folder, log_to

log = log_to(snakemake)

import importlib
import json
import time
from functools import partial
from pathlib import Path

import torch

from nnstatmech import devices
from nnstatmech.datasets.demands import Demand
from nnstatmech.datasets.store import read, read_facts
from nnstatmech.storage import provenance, tables
from nnstatmech.storage.cancelled import check_retry
from nnstatmech.storage.progress import HEARTBEAT_SUFFIX, ShardProgress
from nnstatmech.storage.shards import prepend, require_distinct_rows

check_retry(snakemake.resources.attempt)
add_folder(snakemake.params.folder)
run = snakemake.params.run
engine = importlib.import_module(snakemake.params.engine)
package, _, task = snakemake.params.engine.partition(".tasks.")
model = importlib.import_module(f"{package}.family").FAMILY.tasks[task]
torch.set_num_threads(snakemake.threads)
device = devices.choose_device(snakemake.params.device)
parameters = model.model_validate_json(json.dumps(run["params"]))
dataset, digest = None, None
if run["dataset"]:
    facts = read_facts(snakemake.input.facts)
    demand = Demand(snakemake.wildcards.experiment, parameters.needs == "labels", *parameters.class_range())
    demand.check(facts)
    digest = facts["digest"]
    dataset = read(snakemake.input.images, digest)
heartbeat = Path(snakemake.output[0]).with_suffix(HEARTBEAT_SUFFIX)

metadata = provenance.collect(ROOT, devices.describe(device)) | {
    "experiment": snakemake.wildcards.experiment,
    "run": snakemake.wildcards.run,
    "params": run["params"],
    "dataset": run["dataset"],
    "dataset_digest": digest,
    "files": run.get("files", {}),
    "dataset_description": dataset and dataset.description,
    "stand_in": dataset is not None and dataset.stand_in,
    "seeds": snakemake.params.seeds,
    "engine": snakemake.params.engine,
    "code": snakemake.params.code,
    "threads": snakemake.threads,
}
start = time.perf_counter()
table = engine.run(
    parameters,
    snakemake.params.seeds,
    dataset,
    device,
    partial(ShardProgress, file=log, heartbeat=heartbeat),
)
metadata["seconds"] = round(time.perf_counter() - start, 3)
tables.require_finite(table, f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}")
require_distinct_rows(table, snakemake.output[0])
labels = {"experiment": snakemake.wildcards.experiment, "run": snakemake.wildcards.run, **run["axes"]}
tables.write_table(prepend(table, labels), snakemake.output[0], metadata)
