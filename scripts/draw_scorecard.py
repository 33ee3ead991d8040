"""Draw the scorecard."""

from _bootstrap import log_to

log_to(snakemake)

from nnstatmech.figures import scorecard, style
from nnstatmech.storage.tables import read_table

style.apply()
table, metadata = read_table(snakemake.input[0])
figure = scorecard.scorecard(table.to_pandas())
commit = (metadata["commit"] or "none")[:9] + "+" * metadata["modified"]
style.save(figure, snakemake.output.png, snakemake.output.pdf, f"{snakemake.params.setting}   |   commit: {commit}")
