"""Join the shards of one experiment, after checking that each is the one that the plan asks for."""

from _bootstrap import log_to

log_to(snakemake)

from nnstatmech.storage.shards import join
from nnstatmech.storage.tables import write_table

joined, shards = join(snakemake.input, snakemake.params.contents)
write_table(joined, snakemake.output[0], {"shards": shards})
