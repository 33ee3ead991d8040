# Front door: `snakemake figures/Fig_4.png` for one figure, `snakemake` for all of them.
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")
ROOT = Path(str(workflow.current_basedir))
sys.path.insert(0, str(ROOT / "workflow"))


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/runs.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/claims.smk"
include: "rules/scorecard.smk"
include: "rules/pages.smk"
include: "rules/gallery.smk"


rule all:
    default_target: True
    input:
        rules.figures.input,
        rules.scorecard.input,


onstart:
    hold_folder()
    show_progress()


onsuccess:
    end_progress()


onerror:
    end_progress()


# Steps of seconds, and the one that may download, run where snakemake was called.
localrules:
    all,
    figures,
    show_figure,
    scorecard,
    prepare_data,
    join_shards,
    draw_figure,
    judge_claims,
    draw_scorecard,
    gallery,
