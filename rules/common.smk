# What the rules ask of the config: each function answers one question of one rule.
import shutil
from functools import cache

from nnstatmech.planning.codehash import module_hash, symbol_hash
from nnstatmech.planning.costs import read_costs
from nnstatmech.planning.families import FAMILIES
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import SCALES


def one_line_each(error):
    """Settings that cannot be used end the call before any job, one line per mistake."""
    return WorkflowError("config.yaml cannot be used:\n  " + "\n  ".join(error.lines))


@cache
def plan_of(setting):
    """The plan of one `<scale>-<data>` folder."""
    scale, _, data = setting.partition("-")
    try:
        return Plan(read_settings({**config, "data": data}, scale))
    except ConfigError as error:
        raise one_line_each(error)


def asked(question):
    """Turn what is wrong with a path's wildcards into Snakemake's own error."""

    def answer(wildcards):
        try:
            return question(wildcards)
        except ConfigError as error:
            raise one_line_each(error)

    return answer


SETTING = f"{config.get('scale', 'laptop')}-{config.get('data', 'bundled')}"
for scale in SCALES:  # the other scale's numbers are checked too, before anything runs
    plan_of(f"{scale}-{config.get('data', 'bundled')}")
PLAN = plan_of(SETTING)


wildcard_constraints:
    setting=f"({'|'.join(SCALES)})-({'|'.join(config['data_sources'])})",
    mapping="|".join(config["data_sources"]),
    experiment=r"[a-z][a-z0-9_]*",
    figure=r"(?!scorecard\.)[A-Za-z0-9_]+",
    run=r"[A-Za-z0-9_=.+-]+",
    shard=r"[0-9]+",


def script_hash(name):
    return module_hash(f"{workflow.basedir}/scripts/{name}.py")


# --- data --------------------------------------------------------------------------------------

DATASET = "results/datasets/{mapping}/{dataset}.npz"


@asked
def source_of(wildcards):
    """The description of a data set's source, with the folder it is looked for in."""
    return plan_of(f"{PLAN.settings.scale}-{wildcards.mapping}").source(
        wildcards.dataset
    )


# --- runs --------------------------------------------------------------------------------------

SHARD = "results/{setting}/{family}/{experiment}/{run}/shard-{shard}"


def shard_of(family):
    """Path of a family's shards, without suffix; a rule of one family has no `family` wildcard."""
    return SHARD.replace("{family}", family)


def run_of(wildcards):
    return plan_of(wildcards.setting).run(wildcards.experiment, wildcards.run)


def experiments_of(family):
    """The names that the experiment of a family's path can have, as a regular expression."""
    entries = PLAN.settings.experiments.items()
    return "|".join(name for name, entry in entries if entry.family == family) or "(?!)"


@asked
def dataset_of_run(wildcards):
    """The prepared data set that a run reads, if it reads one: what it depends on is the small file of facts."""
    dataset = run_of(wildcards).dataset
    plan = plan_of(wildcards.setting)
    if dataset is None:
        return {}
    plan.source(dataset)
    place = {"mapping": plan.settings.data, "dataset": dataset}
    return {"facts": FACTS.format(**place), "images": ancient(DATASET.format(**place))}


def files_of_run(plan, experiment, identity):
    """Digests of the files that a run's parameters name, as `files`; nothing where they name none."""
    family, run = plan.experiment(experiment).family, plan.run(experiment, identity)
    named = FAMILIES[family].tasks[plan.task(experiment)].files
    paths = [run.params[name] for name in named if run.params[name] is not None]
    return {"files": {path: file_content(path) for path in paths}} if paths else {}


@asked
def run_parameters(wildcards):
    """What one run computes with, as one dict of plain values, so that swapping two values is seen."""
    run, plan = run_of(wildcards), plan_of(wildcards.setting)
    files = files_of_run(plan, wildcards.experiment, wildcards.run)
    return {"params": run.params, "dataset": run.dataset, "axes": run.axes} | files


@asked
def seeds_of_shard(wildcards):
    return plan_of(wildcards.setting).seeds(wildcards.experiment, wildcards.shard)


@asked
def engine_of(wildcards):
    return plan_of(wildcards.setting).engine(wildcards.experiment)


def code_of_run(wildcards):
    return module_hash(engine_of(wildcards), f"{workflow.basedir}/scripts/run_shard.py")


def gpus_of(family):
    """GPUs of one job: with `device: auto`, one where jobs go elsewhere or this machine has a GPU."""

    def gpus(wildcards):
        # Asked for each job: who runs the jobs is not known yet while the rules are read.
        if not FAMILIES[family].uses_gpu or PLAN.settings.device == "cpu":
            return 0
        elsewhere = workflow.non_local_exec or workflow.remote_exec
        has_gpu = shutil.which("nvidia-smi") is not None
        return int(PLAN.settings.device == "cuda" or elsewhere or has_gpu)

    return gpus


try:
    COSTS = read_costs()
except ConfigError as error:
    raise one_line_each(error)


def memory_of(family):
    """Memory of one job in MB; a second attempt gets twice as much."""
    return lambda wildcards, attempt: (
        attempt * COSTS[family][wildcards.setting.split("-")[0]].mem_mb
    )


def minutes_of(family):
    """Wall time of one job in minutes; a second attempt gets twice as long."""
    return lambda wildcards, attempt: (
        attempt * COSTS[family][wildcards.setting.split("-")[0]].runtime
    )


def device_of_run(wildcards, resources):
    """Not compared between calls, because it asks for the resources: moving to a GPU re-runs nothing."""
    return PLAN.settings.device


# --- tables ------------------------------------------------------------------------------------

TABLE = "results/{setting}/{family}/{experiment}.parquet"


@asked
def shards_of_table(wildcards):
    plan = plan_of(wildcards.setting)
    plan.experiment(wildcards.experiment)
    return [
        SHARD.format(**wildcards, run=run, shard=shard) + ".parquet"
        for run in plan.runs[wildcards.experiment]
        for shard in plan.shards(wildcards.experiment)
    ]


@asked
def contents_of_table(wildcards):
    plan = plan_of(wildcards.setting)
    return {
        shard: content
        | files_of_run(plan, wildcards.experiment, shard.rpartition("/")[0])
        for shard, content in plan.shard_contents(wildcards.experiment).items()
    }


def table_of(experiment, setting=SETTING):
    family = plan_of(setting).experiment(experiment).family
    return TABLE.format(setting=setting, family=family, experiment=experiment)


# --- figures -----------------------------------------------------------------------------------


@asked
def figure_of(wildcards):
    return PLAN.figure(wildcards.figure)


def tables_of_figure(wildcards):
    return [table_of(experiment) for experiment in figure_of(wildcards).tables]


def drawing_of_figure(wildcards):
    """Everything that a figure is drawn from besides its tables."""
    figure = figure_of(wildcards)
    return {
        "draw": f"nnstatmech.{figure.family}.figures.{figure.draw}",
        "experiments": figure.experiments,
        "options": figure.options,
        "scale": PLAN.settings.scale,
        "data": PLAN.settings.data,
        "overlay_published": PLAN.settings.overlay_published,
    }


def code_of_figure(wildcards):
    figure = figure_of(wildcards)
    source, function = figure.draw.split(".")
    return [
        symbol_hash(f"nnstatmech.{figure.family}.figures.{source}", function),
        script_hash("render_figure"),
    ]
