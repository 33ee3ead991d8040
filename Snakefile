# Front door: `snakemake figures/Fig_4.png` for one figure, `snakemake` for all of them.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.20")
sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from nnstatmech.planning.layers import merged
from nnstatmech.planning.settings import ConfigError, check_syntax, read_settings

CONFIG_FILE = Path(workflow.basedir) / "config.yaml"
try:
    check_syntax(CONFIG_FILE)
except ConfigError as error:
    raise WorkflowError(str(error))


configfile: CONFIG_FILE


config = merged(config)


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/runs.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/scorecard.smk"


rule all:
    default_target: True
    input:
        rules.figures.input,
        rules.scorecard.input,


localrules:
    all,
    figures,
    scorecard,
    judge_claims,
    draw_scorecard,
