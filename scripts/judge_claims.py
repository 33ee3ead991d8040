"""Judge every claim on the tables at hand and write the scorecard as parquet, Markdown and HTML."""

from _bootstrap import ROOT, add_folder, log_to

log_to(snakemake)

from pathlib import Path

from nnstatmech import scorecard
from nnstatmech.planning.claims import Claim
from nnstatmech.storage import provenance
from nnstatmech.storage.tables import write_table

params = snakemake.params
for folder in params.folders:
    add_folder(folder)
paths = dict(zip(params.experiments, snakemake.input, strict=True))
paths |= {name: table["path"] for name, table in params.at_hand.items()}
runs = {name: table["runs"] for name, table in params.at_hand.items()}
modules = {name: family["measures"] for name, family in params.families.items()}
tables = scorecard.Tables(paths, runs)
claims = [Claim.model_validate(claim) for claim in params.claims]
rows = scorecard.judge_all(claims, tables, modules, params.prices, params.scale, params.data)
table = scorecard.scorecard_table(rows)
frame = table.to_pandas()
Path(snakemake.output.markdown).write_text(scorecard.markdown(frame), encoding="utf-8")
Path(snakemake.output.html).write_text(
    scorecard.html(frame, {name: family["work"] for name, family in params.families.items()}), encoding="utf-8"
)
write_table(table, snakemake.output.table, provenance.collect(ROOT, "cpu"))
