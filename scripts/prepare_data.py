"""Fetch one data set, check it, and write its arrays as one file and its facts as another."""

from _bootstrap import log_to

log = log_to(snakemake)

from functools import partial

from pydantic import TypeAdapter
from tqdm import tqdm

from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Source
from nnstatmech.datasets.store import save, save_facts

source = TypeAdapter(Source).validate_python(snakemake.params.source)
progress = partial(tqdm, file=log, mininterval=2)
dataset = load(snakemake.wildcards.dataset, source, snakemake.params.data_dir, progress=progress)
save_facts(dataset, save(dataset, snakemake.output.images), snakemake.output.facts)
