"""Make a folder of pages about the figures at hand."""

from _bootstrap import log_to

log_to(snakemake)

from pathlib import Path

from nnstatmech.gallery import folder
from nnstatmech.gallery.model import from_plain

pages = [from_plain(page) for page in snakemake.params.pages]
folder.build(pages, Path("results"), Path(snakemake.output[0]).parent)
