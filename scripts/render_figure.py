"""Draw one figure from the tables that its entry in config.yaml names."""

from _bootstrap import log_to

log_to(snakemake)

import importlib
from pathlib import Path

from nnstatmech.figures import style
from nnstatmech.figures.origin import origin
from nnstatmech.planning.settings import flat
from nnstatmech.storage.shards import read_frame

drawing = snakemake.params.drawing
module, _, function = drawing["draw"].rpartition(".")
style.apply()
names = flat(drawing["experiments"])
frames = {name: read_frame(path) for name, path in zip(names, snakemake.input, strict=True)}
roles = {
    role: frames[given] if isinstance(given, str) else [frames[name] for name in given]
    for role, given in drawing["experiments"].items()
}
options = dict(drawing["options"])
if drawing["overlay_published"] is not None:
    options["overlay_published"] = drawing["overlay_published"]
draw = getattr(importlib.import_module(module), function)
figure = draw(**roles, scale=drawing["scale"], **options)
style.save(figure, snakemake.output.png, snakemake.output.pdf, style.footer(frames.values(), drawing))
Path(snakemake.log.origin).write_text(origin(frames, drawing), encoding="utf-8")
