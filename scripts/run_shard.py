"""Run one shard: some seeds of one or several points of a sweep become one tidy table."""

from _bootstrap import ROOT, add_folder, log_to

log = log_to(snakemake)

from pathlib import Path

import torch

from nnstatmech import devices
from nnstatmech.datasets.store import read_facts
from nnstatmech.storage import provenance
from nnstatmech.storage.cancelled import check_retry
from nnstatmech.storage.shard_jobs import ShardJob

check_retry(snakemake.resources.attempt)
params, shard = snakemake.params, Path(snakemake.output[0])
add_folder(params.folder)
torch.set_num_threads(snakemake.threads)
device = devices.choose_device(params.device)
job = ShardJob(
    experiment=snakemake.wildcards.experiment,
    seeds=params.seeds,
    runs=params.runs,
    engine=params.engine,
    code=params.code,
    images=dict(zip(params.datasets, snakemake.input.get("images", []), strict=True)),
    facts={known["name"]: known for known in map(read_facts, snakemake.input.get("facts", []))},
    shard=shard,
    device=device,
    made_by=provenance.collect(ROOT, devices.describe(device))
    | {
        "job": f"{snakemake.wildcards.experiment}/{shard.parent.name}/{shard.stem}",
        "threads": snakemake.threads,
    },
    log=log,
)
job.run()
