"""Join the shards of one experiment, after checking that each is the one that the plan asks for."""

from _bootstrap import log_to

log_to(snakemake)

from nnstatmech.datasets.store import read_facts
from nnstatmech.storage.shards import join
from nnstatmech.storage.tables import write_table

facts = [read_facts(path) for path in snakemake.input.facts]
digests = {known["name"]: known["digest"] for known in facts}
contents = {
    shard: {
        run: content | snakemake.params.made_by | {"dataset_digest": digests.get(content["dataset"])}
        for run, content in runs.items()
    }
    for shard, runs in snakemake.params.contents.items()
}
joined, shards = join(snakemake.input.shards, contents)
write_table(joined, snakemake.output[0], {"shards": shards})
