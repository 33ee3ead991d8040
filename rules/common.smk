# What the rules ask of the settings: each function answers one question of one rule.
import atexit
import shutil
from functools import cache

from nnstatmech.datasets.errors import DataError
from nnstatmech.datasets.names import expanded
from nnstatmech.datasets.watching import source_digest
from nnstatmech.planning import estimates, job_sizes
from nnstatmech.planning.codehash import engine_hash, module_hash, symbol_hash
from nnstatmech.planning.layers import COMMAND_LINE, read_layers
from nnstatmech.planning.mistakes import ConfigError
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import SCALES
from nnstatmech.planning.targets import check_report, check_targets, reported
from nnstatmech.storage import one_call, terminal
from nnstatmech.storage.contents import Contents

progress_display = None


def refuse(error, origins=None):
    """Settings that cannot be used end the call before any job, one line a mistake."""
    sys.exit(
        "\n".join(["These settings cannot be used:", *error.located(origins or {})])
    )


def given_settings():
    """The layers of settings: config.yaml, then what the call, or a project that uses this one, gives."""
    front_door = ROOT / "config.yaml"
    if not workflow.modifier.is_main_snakefile():
        return read_layers([front_door], config, "the config of the module statement")
    given = workflow.config_settings
    files = [] if given.replace_workflow_config else [front_door]
    return read_layers(
        [*files, *map(Path, given.configfiles)], given.config, COMMAND_LINE
    )


try:
    LAYERS = given_settings()
except ConfigError as error:
    refuse(error)
FAMILIES = LAYERS.families


@cache
def plan_of(setting):
    """The plan of one `<scale>-<data>` folder."""
    scale, _, data = setting.partition("-")
    try:
        return Plan.of(LAYERS, scale, data)
    except ConfigError as error:
        refuse(error, LAYERS.origins)


def asked(question):
    """End the call where a path's wildcards, or a target, name nothing."""

    def answer(wildcards):
        try:
            return question(wildcards)
        except ConfigError as error:
            refuse(error, LAYERS.origins)

    return answer


SETTING = (
    f"{LAYERS.config.get('scale', 'laptop')}-{LAYERS.config.get('data', 'bundled')}"
)
PLAN = plan_of(SETTING)
for scale in SCALES:  # the other scale's numbers are checked too, before anything runs
    plan_of(f"{scale}-{PLAN.settings.data}")
if workflow.modifier.is_main_snakefile():
    # What the report's first page says of itself.
    config["reported"] = reported(sys.argv[1:], PLAN.settings)
    try:
        check_targets(sys.argv[1:], PLAN.settings.figures)
        pictures = [
            f"figures/{name}.png" for name in (*PLAN.settings.figures, "scorecard")
        ]
        check_report(
            sys.argv[1:], [path for path in pictures if Path(path).exists()], pictures
        )
    except ConfigError as error:
        refuse(error)


wildcard_constraints:
    setting=f"({'|'.join(SCALES)})-({'|'.join(PLAN.settings.data_sources)})",
    mapping="|".join(PLAN.settings.data_sources),
    experiment=r"[a-z][a-z0-9_]*",
    figure=r"(?!scorecard\.)[A-Za-z0-9_]+",
    shown=r"[A-Za-z0-9_]+",
    batch=r"[A-Za-z0-9_=.+-]+",
    shard=r"[0-9]+",


def hold_folder():
    """Keep other calls out of this folder until this one ends."""
    global folder_lock
    try:
        folder_lock = one_call.hold(
            Path(".snakemake/nnstatmech.lock"), " ".join(["snakemake", *sys.argv[1:]])
        )
    except one_call.FolderInUse as error:
        sys.exit(str(error))


def show_progress():
    """Show what running jobs report on the terminal, if Snakemake's own log goes there."""
    global progress_display
    quiet = workflow.output_settings.quiet or ()
    handler = terminal.log_handler(logger)
    if handler is not None and not {str(kind) for kind in quiet} & {"all", "progress"}:
        progress_display = terminal.Display(handler, Path("results"))
        progress_display.start()


def end_progress():
    if progress_display is not None:
        progress_display.end()


def script_hash(name):
    return module_hash(str(ROOT / f"scripts/{name}.py"))


# --- data --------------------------------------------------------------------------------------

DATASET = "results/datasets/{mapping}/{dataset}.npz"
FACTS = DATASET.replace(".npz", ".json")
CONTENTS = Contents("results/datasets/.contents.json")


@asked
def source_of(wildcards):
    """The description of a data set's source, with the folder it is looked for in."""
    return plan_of(f"{PLAN.settings.scale}-{wildcards.mapping}").source(
        wildcards.dataset
    )


@cache
def source_content(mapping, dataset):
    """A digest of the files of one's own that a data set is prepared from: a change of it prepares the set again."""
    settings = PLAN.settings
    try:
        return source_digest(
            settings.data_sources[mapping][dataset], settings.data_dir, CONTENTS
        )
    except DataError as error:
        refuse(ConfigError(str(error)))


@cache
def file_content(path):
    """A digest of a file that a parameter names."""
    try:
        return CONTENTS.digest(expanded(path))
    except (DataError, OSError) as error:
        refuse(ConfigError(f"{path}: {error}"))


# --- runs --------------------------------------------------------------------------------------

SHARD = "results/{setting}/{family}/{experiment}/{batch}/shard-{shard}"


def shard_of(family):
    """Path of a family's shards, without suffix; a rule of one family has no `family` wildcard."""
    return SHARD.replace("{family}", family)


def runs_of(wildcards):
    """Id to run of those that a job computes."""
    plan, experiment = plan_of(wildcards.setting), wildcards.experiment
    return {
        name: plan.run(experiment, name)
        for name in plan.batch(experiment, wildcards.batch)
    }


def experiments_of(family):
    """The names that the experiment of a family's path can have, as a regular expression."""
    entries = PLAN.settings.experiments.items()
    return "|".join(name for name, entry in entries if entry.family == family) or "(?!)"


@asked
def datasets_of_job(wildcards):
    """Names of the data sets that a job reads."""
    plan = plan_of(wildcards.setting)
    names = {plan.dataset_of(wildcards.experiment, run) for run in runs_of(wildcards)}
    return sorted(names - {None})


def files_of_datasets(wildcards):
    """The prepared data sets that a job reads, if it reads any: what it depends on are the small files of facts."""
    mapping = plan_of(wildcards.setting).settings.data
    names = datasets_of_job(wildcards)
    if not names:
        return {}
    return {
        "facts": [FACTS.format(mapping=mapping, dataset=name) for name in names],
        "images": [
            ancient(DATASET.format(mapping=mapping, dataset=name)) for name in names
        ],
    }


def files_of_run(plan, experiment, identity):
    """Digests of the files that a run's parameters name, as `files`; nothing where they name none."""
    family, run = plan.experiment(experiment).family, plan.run(experiment, identity)
    named = FAMILIES[family].tasks[plan.task(experiment)].files
    paths = [run.params[name] for name in named if run.params[name] is not None]
    return {"files": {path: file_content(path) for path in paths}} if paths else {}


@asked
def runs_of_job(wildcards):
    """What the runs of a job compute with, as one dict of plain values, so that swapping two values is seen."""
    plan, experiment = plan_of(wildcards.setting), wildcards.experiment
    return {
        name: {"params": run.params, "dataset": run.dataset, "axes": run.axes}
        | files_of_run(plan, experiment, name)
        for name, run in runs_of(wildcards).items()
    }


@asked
def seeds_of_shard(wildcards):
    return plan_of(wildcards.setting).seeds(wildcards.experiment, wildcards.shard)


@asked
def engine_of(wildcards):
    return plan_of(wildcards.setting).engine(wildcards.experiment)


def code_of_run(wildcards):
    return engine_hash(engine_of(wildcards))


def folder_of_family(family):
    """Where a family of the user's own is imported from; not compared between calls, because it asks for resources."""
    return lambda wildcards, resources: FAMILIES[family].search_folder


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


RULES_OF_RUNS = {f"run_{family}" for family in FAMILIES}


def cost_of(wildcards):
    plan = plan_of(wildcards.setting)
    seeds = plan.seeds(wildcards.experiment, wildcards.shard)
    return estimates.of_job(plan, wildcards.experiment, wildcards.batch, len(seeds))


def memory_of_run(wildcards, attempt):
    """Memory of one job in MB; a second attempt gets twice as much."""
    return attempt * job_sizes.memory_to_ask(cost_of(wildcards))


def minutes_of_run(wildcards, attempt):
    """Wall time of one job in minutes; a second attempt gets twice as long."""
    return attempt * job_sizes.minutes_to_ask(cost_of(wildcards))


def device_of_run(family):
    """Not compared between calls, because it asks for the resources: moving to a GPU re-runs nothing."""
    return lambda wildcards, resources: (
        PLAN.settings.device if FAMILIES[family].uses_gpu else "cpu"
    )


def say_cost():
    """Behind a dry run, what its runs would take: Snakemake has no hook there, so this waits for the end."""
    if not workflow.dryrun or workflow.dag is None or workflow.output_settings.quiet:
        return
    runs = [
        job
        for job in workflow.dag.needrun_jobs(exclude_finished=False)
        if job.rule.name in RULES_OF_RUNS
    ]
    if runs:
        costs = [cost_of(job.wildcards) for job in runs]
        print(estimates.sentence(costs), file=sys.stderr)


if workflow.modifier.is_main_snakefile():
    atexit.register(say_cost)


# --- tables ------------------------------------------------------------------------------------

TABLE = "results/{setting}/{family}/{experiment}.parquet"


@asked
def shards_of_table(wildcards):
    plan = plan_of(wildcards.setting)
    plan.experiment(wildcards.experiment)
    return [
        SHARD.format(**wildcards, batch=batch, shard=shard) + ".parquet"
        for batch in plan.batches[wildcards.experiment]
        for shard in plan.shards(wildcards.experiment)
    ]


@asked
def contents_of_table(wildcards):
    plan, experiment = plan_of(wildcards.setting), wildcards.experiment
    return {
        shard: {
            run: content | files_of_run(plan, experiment, run)
            for run, content in runs.items()
        }
        for shard, runs in plan.shard_contents(experiment).items()
    }


def facts_of_table(wildcards):
    """What the data sets of an experiment are, as its shards must have seen them."""
    plan = plan_of(wildcards.setting)
    names = {run.dataset for run in plan.runs[wildcards.experiment].values()} - {None}
    return [
        FACTS.format(mapping=plan.settings.data, dataset=name) for name in sorted(names)
    ]


def made_by(wildcards):
    """The engine and the code that every shard must have been made by."""
    return {"engine": engine_of(wildcards), "code": code_of_run(wildcards)}


def table_of(experiment, setting=SETTING):
    family = plan_of(setting).experiment(experiment).family
    return TABLE.format(setting=setting, family=family, experiment=experiment)


# --- figures -----------------------------------------------------------------------------------


@asked
def figure_of(wildcards):
    return plan_of(wildcards.setting).figure(wildcards.figure)


def tables_of_figure(wildcards):
    return [
        table_of(experiment, wildcards.setting)
        for experiment in figure_of(wildcards).tables
    ]


def drawing_of_figure(wildcards):
    """Everything that a figure is drawn from besides its tables."""
    figure, settings = figure_of(wildcards), plan_of(wildcards.setting).settings
    return {
        "draw": figure.draw,
        "package": FAMILIES[figure.family].package,
        "experiments": figure.experiments,
        "options": figure.options,
        "scale": settings.scale,
        "data": settings.data,
        "overlay_published": settings.overlay_published,
        "realisations": {
            name: settings.experiments[name].seeds for name in figure.tables
        },
    }


def folder_of_drawing(wildcards, resources):
    """The folder that a figure's own file, or its own family, is found in; not compared between calls."""
    figure = figure_of(wildcards)
    if ":" in figure.draw:
        return str(LAYERS.folder_of(("figures", wildcards.figure, "draw")))
    return FAMILIES[figure.family].search_folder


def code_of_figure(wildcards):
    drawing = plan_of(wildcards.setting).drawing(wildcards.figure)
    return [drawing.code_hash(), script_hash("render_figure")]
