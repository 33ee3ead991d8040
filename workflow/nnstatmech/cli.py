"""The command line, ``nnstatmech`` or ``python -m nnstatmech``: what there is, what it costs, how far it has come.

Whatever computes is imported inside the commands that need it, so that listing figures imports no torch. A folder of
the package that holds a ``commands.py`` adds commands of its own: it calls ``add_commands(app)`` there.
"""

import importlib
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand, TyperGroup

from .errors import NamedProblem
from .planning import estimates
from .planning.estimates import hours, megabytes
from .planning.families import PACKAGE
from .planning.layers import COMMAND_LINE, front_door, read_layers
from .planning.mistakes import ConfigError
from .planning.plan import Plan

WIDE = 1000  # columns where nobody looks at a terminal: lines are not broken for another program


class OneLine(TyperGroup):
    """Commands that end with one line where the user is mistaken."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            said = error.lines
        except (NamedProblem, OSError) as error:
            said = [str(error)]
        for line in said:
            typer.echo(line, err=True)
        raise typer.Exit(1)


class SettingsCommand(TyperCommand):
    """A command that takes ``--config KEY=VALUE KEY=VALUE``, as Snakemake does."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        return super().parse_args(ctx, one_value_each(args))


def one_value_each(arguments: list[str]) -> list[str]:
    """Arguments in which ``--config a=1 b=2`` has become ``--config a=1 --config b=2``."""
    given, inside = [], False
    for word in arguments:
        if inside and given[-1] != "--config" and "=" in word and not word.startswith("-"):
            given.append("--config")
        inside = word == "--config" or (inside and "=" in word and not word.startswith("-"))
        given.append(word)
    return given


app = typer.Typer(
    cls=OneLine,
    help=__doc__.partition("\n")[0] if __doc__ else None,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Scale = Annotated[str | None, typer.Option(help="laptop or paper: sizes of all experiments.")]
Data = Annotated[str | None, typer.Option(help="A mapping of data sets: bundled, official, copies, ...")]
Seeds = Annotated[int | None, typer.Option(min=1, help="At most so many realisations of every experiment.")]
Config = Annotated[
    list[str] | None, typer.Option("--config", metavar="KEY=VALUE", help="Settings over those of all files.")
]
ConfigFiles = Annotated[
    list[Path] | None, typer.Option("--configfile", help="Settings over config.yaml, each file over the one before.")
]
Results = Annotated[Path, typer.Option(help="The folder of results.")]


def plan_for(
    scale: str | None, data: str | None, seeds: int | None, config: list[str] | None, files: list[Path] | None
) -> Plan:
    """The plan of the settings that a command was given.

    Raises
    ------
    NamedProblem
        With one line a mistake, each with the place that it came from.
    """
    over = dict(map(assignment, config or []))
    over |= {key: value for key, value in {"scale": scale, "data": data, "seeds": seeds}.items() if value is not None}
    layers = None
    try:
        layers = read_layers([*front_door(), *(files or [])], over)
        return Plan.of(layers)
    except ConfigError as error:
        raise ConfigError(*error.located(layers.origins if layers else {})) from error


def assignment(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` as the key and the value that YAML reads."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise NamedProblem(f"{COMMAND_LINE} {text}: must be KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise NamedProblem(f"{COMMAND_LINE} {text}: is no value ({error})") from error


def show(title: str, columns: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table; ``columns`` maps headings to ``left`` or ``right``."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading, justify in columns.items():
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for row in rows:
        table.add_row(*row)
    console().print(table, markup=False) if rows else console().print(f"{title}: none")


def console() -> Console:
    """The terminal at its width, or another program's input without broken lines."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)


@app.command(cls=SettingsCommand)
def figures(
    scale: Scale = None,
    data: Data = None,
    seeds: Seeds = None,
    config: Config = None,
    configfile: ConfigFiles = None,
    results: Results = Path("results"),
) -> None:
    """All figures: work, title, cost, and whether they are there."""
    plan = plan_for(scale, data, seeds, config, configfile)
    rows = []
    for name, figure in plan.settings.figures.items():
        there = (results / plan.setting / "figures" / f"{name}.png").is_file()
        cost = estimates.of_experiments(plan, figure.tables)
        work = plan.families[figure.family].work
        rows.append([name, hours(cost.core_hours), "yes" if there else "no", work, figure.title])
    columns = {"figure": "left", "core hours": "right", "there": "left", "work": "left", "title": "left"}
    show(f"{len(rows)} figures at {plan.settings.scale} scale, {plan.settings.data} data", columns, rows)


@app.command(cls=SettingsCommand)
def experiments(
    scale: Scale = None,
    data: Data = None,
    seeds: Seeds = None,
    config: Config = None,
    configfile: ConfigFiles = None,
    results: Results = Path("results"),
) -> None:
    """All experiments: task, data set, runs, realisations, cost, and how many of their jobs are done."""
    plan = plan_for(scale, data, seeds, config, configfile)
    rows = []
    for name, entry in plan.settings.experiments.items():
        cost = estimates.of_experiment(plan, name)
        done = len(estimates.shards_at_hand(plan, name, results))
        datasets = ", ".join(sorted({run.dataset for run in plan.runs[name].values() if run.dataset}))
        counts = [str(len(plan.runs[name])), str(plan.seed_count(name)), f"{done}/{cost.jobs}", hours(cost.core_hours)]
        rows.append([name, *counts, f"{entry.family}/{plan.task(name)}", datasets])
    columns = {"experiment": "left"} | dict.fromkeys(["runs", "seeds", "jobs done", "core hours"], "right")
    columns |= {"task": "left", "data set": "left"}
    show(f"{len(rows)} experiments at {plan.settings.scale} scale, {plan.settings.data} data", columns, rows)


@app.command(cls=SettingsCommand)
def cost(
    figure: Annotated[list[str], typer.Argument(help="Figures, or experiments.", metavar="FIGURE...")],
    scale: Scale = None,
    data: Data = None,
    seeds: Seeds = None,
    config: Config = None,
    configfile: ConfigFiles = None,
    results: Results = Path("results"),
    here: Annotated[bool, typer.Option("--here", help="Hours of this machine: times a product of matrices.")] = False,
) -> None:
    """Jobs, core hours, memory and disk of figures; what several of them share is counted once in the total."""
    plan = plan_for(scale, data, seeds, config, configfile)
    needs = {name: experiments_of(plan, name) for name in dict.fromkeys(figure)}
    faster = estimates.speed_here() / estimates.REFERENCE_GFLOPS if here else 1.0
    if len(needs) > 1:
        needs["together"] = list(dict.fromkeys(name for names in needs.values() for name in names))
    rows = []
    for name, names in needs.items():
        estimate = estimates.of_experiments(plan, names)
        done = sum(len(estimates.shards_at_hand(plan, one, results)) for one in names)
        disk = estimates.disk_mb(plan, names, results)
        size = "not known yet" if disk is None else megabytes(disk)
        memory = megabytes(estimate.memory_mb)
        taken = hours(estimate.core_hours / faster)
        rows.append([name, str(estimate.jobs), str(done), taken, memory, size, extrapolated(estimate)])
    columns = {"figure": "left"}
    columns |= dict.fromkeys(["jobs", "done", "core hours", "memory of a job", "disk", "extrapolated"], "right")
    machine = f"this machine at {100 * faster:.0f} GFLOP/s" if here else "a core of 100 GFLOP/s"
    show(f"{plan.settings.scale} scale, {plan.settings.data} data, {machine}", columns, rows)


def extrapolated(estimate: estimates.Estimate) -> str:
    """From how much shorter jobs a cost is extrapolated."""
    if estimate.unmeasured:
        return "not measured"
    return "no" if estimate.extrapolated <= 1.5 else f"{estimate.extrapolated:.0f} times"


def experiments_of(plan: Plan, name: str) -> list[str]:
    """The experiments that a figure needs, or the experiment of that name."""
    return [name] if name in plan.settings.experiments else plan.figure(name).tables


@app.command()
def watch(
    results: Annotated[Path, typer.Argument(help="The folder of results.")] = Path("results"),
    once: Annotated[bool, typer.Option("--once", help="Print the bars and end.")] = False,
) -> None:
    """Bars of all running jobs, from anywhere that sees the folder, until interrupted."""
    from rich.live import Live

    from .storage.progress import beats

    if not results.is_dir():
        raise NamedProblem(f"{results}: no such folder; name the folder of results")
    terminal = console()
    if once or not terminal.is_terminal:
        terminal.print(bars(beats(results)))
        return
    with Live(console=terminal, screen=True, auto_refresh=False) as live:
        try:
            while True:
                live.update(bars(beats(results)), refresh=True)
                time.sleep(1)
        except KeyboardInterrupt:
            return


def bars(running) -> Table | str:
    """One row for each job that has reported and not ended."""
    from rich.progress_bar import ProgressBar

    if not running:
        return "no job has reported progress"
    table = Table(box=None, show_header=False, pad_edge=False)
    for beat in running:
        done = f"{beat.n:g}/{beat.total:g}" if beat.total else f"{beat.n:g}"
        rest = beat.elapsed * (beat.total / beat.n - 1) if beat.total and beat.n else None
        ahead = f"{clock(beat.elapsed)}<{clock(rest) if rest is not None else '?'}"
        table.add_row(beat.shard, ProgressBar(beat.total or None, beat.n, width=30), done, ahead, beat.news)
    return table


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes:02d}:{rest:02d}"


@app.command()
def accept(
    table: Annotated[Path, typer.Argument(help="results/<setting>/<family>/<experiment>.parquet")],
    engine: Annotated[str, typer.Option(help="The module that makes them now, if it is called otherwise.")] = "",
) -> None:
    """Let the shards of an experiment count as made by the code as it is: for edits that change no number."""
    from .storage.accept import accept_code_at_hand

    typer.echo(accept_code_at_hand(table, engine))


@app.command()
def schema() -> None:
    """The JSON schema of config.yaml, for editors."""
    from .planning.schema import as_text

    typer.echo(as_text(), nl=False)


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="results/<scale>-<data>")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The zip file.")] = None,
) -> None:
    """Pack a folder of results with its provenance and digests into one zip file."""
    from . import bundles

    path = bundles.bundle(folder, output)
    typer.echo(f"{path}: {megabytes(path.stat().st_size / 1e6)}")


@app.command()
def unbundle(
    source: Annotated[Path, typer.Argument(help="A zip file that bundle has made.")],
    results: Results = Path("results"),
    others: Annotated[bool, typer.Option("--others", help="Unpack shards of other code, too.")] = False,
) -> None:
    """Check a zip file of results and unpack the shards that the code at hand would make."""
    from . import bundles

    done = bundles.unbundle(source, results, others=others)
    for name, shards in done.experiments.items():
        typer.echo(f"{name}: {shards} shards unpacked, made by the code at hand")
    for name, how in done.others.items():
        typer.echo(f"{name}: {'unpacked' if others else 'left out'}, made by other code; {how}", err=True)
    if done.others and not others:
        raise typer.Exit(1)


def add_commands_of_families() -> None:
    for path in sorted(PACKAGE.glob("*/commands.py")):
        importlib.import_module(f"nnstatmech.{path.parent.name}.commands").add_commands(app)


add_commands_of_families()
