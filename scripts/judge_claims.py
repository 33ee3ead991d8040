"""Judge every claim on the tables at hand and write the scorecard as parquet, Markdown and HTML."""

from _bootstrap import ROOT, add_folder, log_to

log_to(snakemake)

from pathlib import Path

from nnstatmech import scorecard
from nnstatmech.planning.claims import Claim
from nnstatmech.storage import provenance
from nnstatmech.storage.shards import read_frame
from nnstatmech.storage.tables import write_table

params = snakemake.params
for folder in params.folders:
    add_folder(folder)
frames = {name: read_frame(path) for name, path in zip(params.experiments, snakemake.input, strict=True)}
rows = [
    scorecard.judge(claim, frames, params.families[claim.family]["measures"], params.scale, params.data)
    for claim in map(Claim.model_validate, params.claims)
]
table = scorecard.scorecard_table(rows)
frame = table.to_pandas()
Path(snakemake.output.markdown).write_text(scorecard.markdown(frame), encoding="utf-8")
Path(snakemake.output.html).write_text(
    scorecard.html(frame, {name: family["work"] for name, family in params.families.items()}), encoding="utf-8"
)
write_table(table, snakemake.output.table, provenance.collect(ROOT, "cpu"))
