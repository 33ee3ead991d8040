"""Draw one figure from the tables that its entry in the settings names."""

from _bootstrap import add_folder, log_to

log_to(snakemake)

import inspect
from pathlib import Path

from nnstatmech.figures import style
from nnstatmech.figures.curves import curves_of
from nnstatmech.figures.origin import origin
from nnstatmech.loading import drawing_function
from nnstatmech.planning.settings import flat
from nnstatmech.storage.shards import read_frame
from nnstatmech.storage.whole_files import whole_file

drawing = snakemake.params.drawing
add_folder(snakemake.params.folder)
style.apply()
names = flat(drawing["experiments"])
frames = {name: read_frame(path) for name, path in zip(names, snakemake.input, strict=True)}
roles = {
    role: frames[given] if isinstance(given, str) else [frames[name] for name in given]
    for role, given in drawing["experiments"].items()
}
draw = drawing_function(drawing["draw"], drawing["package"], snakemake.params.folder)
given = {"scale": drawing["scale"], "overlay_published": drawing["overlay_published"]}
taken = {name: value for name, value in given.items() if name in inspect.signature(draw).parameters}
figure = draw(**roles, **taken, **drawing["options"])
style.save(figure, snakemake.output.png, snakemake.output.pdf, style.footer(frames.values(), drawing))
with whole_file(snakemake.output.csv) as part:
    curves_of(figure).to_csv(part, index=False, float_format="%.7g")
Path(snakemake.output.origin).write_text(origin(frames, drawing), encoding="utf-8")
