"""From settings to runs, seeds, shards, figures and inputs: pure functions of the config, no torch."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from .codehash import defined_functions, module_file
from .families import FAMILIES, engine
from .settings import ConfigError, Experiment, Settings, describe, nearest

RUN_ID = re.compile(r"[A-Za-z0-9_=.+-]+")  # a comma would split a SLURM job's list of targets
LONGEST_RUN_ID = 200


@dataclass(frozen=True)
class Run:
    """One point of an experiment's sweep.

    Attributes
    ----------
    params
        Every parameter of the engine, defaults included, as plain values: what re-run decisions compare.
    dataset
        Name of the data set, or None.
    axes
        The sweep's axes: the value of a swept parameter, or the name of a case.
    """

    params: dict
    dataset: str | None
    axes: dict


def label(value) -> str:
    """A value as it appears in a run's id."""
    if isinstance(value, list | tuple):
        return "-".join(map(label, value))
    return "none" if value is None else str(value)


def run_id(axes: Mapping) -> str:
    """A readable identity that does not depend on the order of the axes: ``batch_size=64+rho=1.0001``."""
    return "+".join(f"{name}={label(axes[name])}" for name in sorted(axes)) or "single"


def sweep_points(experiment: Experiment) -> list[tuple[dict, dict]]:
    """Cartesian product of the axes: the values of the axes and the parameters that they set."""
    axes = []
    for name, values in experiment.sweep.items():
        if isinstance(values, dict):
            axes.append([({name: case}, settings) for case, settings in values.items()])
        else:
            axes.append([({name: value}, {name: value}) for value in values])
    points = []
    for combination in itertools.product(*axes):
        names, settings = {}, {}
        for axis, values in combination:
            names |= axis
            settings |= values
        points.append((names, settings))
    return points


class Plan:
    """Every run, shard and figure of one scale and one mapping of data sets.

    Raises
    ------
    ConfigError
        With one line per mistake: unknown family, task, parameter, experiment or drawing function, a value
        out of its range, an empty sweep, two points of a sweep with the same id.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.errors: list[str] = []
        self.runs: dict[str, dict[str, Run]] = {}
        for name, experiment in settings.experiments.items():
            self.runs[name] = self.plan_runs(name, experiment)
        for name in settings.figures:
            self.check_figure(name)
        if settings.data not in settings.data_sources:
            self.errors.append(
                f"data = {settings.data!r}: no such mapping in data_sources; "
                f"{nearest(settings.data, settings.data_sources)}; allowed: {', '.join(settings.data_sources)}"
            )
        if self.errors:
            raise ConfigError(*dict.fromkeys(self.errors))

    @cached_property
    def setting(self) -> str:
        """The folder below ``results/`` for this scale and data: ``laptop-bundled``."""
        return f"{self.settings.scale}-{self.settings.data}"

    # --- runs ----------------------------------------------------------------------------------

    def task(self, experiment: str) -> str | None:
        """Name of the experiment's task; None, and an error line, if it is not known."""
        entry = self.settings.experiments[experiment]
        tasks = FAMILIES[entry.family].tasks
        if entry.task is None and len(tasks) == 1:
            return next(iter(tasks))
        if entry.task not in tasks:
            self.errors.append(
                f"experiments.{experiment}.task = {entry.task!r}: family {entry.family!r} has no such task; "
                f"{nearest(entry.task, tasks)}; allowed: {', '.join(tasks)}"
            )
            return None
        return entry.task

    def plan_runs(self, name: str, experiment: Experiment) -> dict[str, Run]:
        if experiment.family not in FAMILIES:
            self.errors.append(
                f"experiments.{name}.family = {experiment.family!r}: no such family; "
                f"{nearest(experiment.family, FAMILIES)}; allowed: {', '.join(FAMILIES)}"
            )
            return {}
        task = self.task(name)
        if task is None:
            return {}
        for axis, values in experiment.sweep.items():
            if not values:
                self.errors.append(f"experiments.{name}.sweep.{axis}: is empty; it needs at least one value")
        runs = {}
        for axes, swept in sweep_points(experiment):
            identity = run_id(axes)
            if not RUN_ID.fullmatch(identity) or len(identity) > LONGEST_RUN_ID:
                self.errors.append(
                    f"experiments.{name}.sweep: the run id {identity!r} is no file name; values of an axis may hold "
                    f"letters, digits and _ = . + - and {LONGEST_RUN_ID} characters together; name them as cases"
                )
            elif identity in runs:
                self.errors.append(f"experiments.{name}.sweep: two runs are called {identity!r}; values must differ")
            else:
                runs[identity] = self.plan_run(name, experiment, task, axes, swept)
        return runs

    def plan_run(self, name: str, experiment: Experiment, task: str, axes: dict, swept: dict) -> Run | None:
        given = {"dataset": experiment.dataset} | experiment.params | swept
        dataset = given.pop("dataset")
        if dataset is not None and not any(dataset in mapping for mapping in self.settings.data_sources.values()):
            known = set().union(*self.settings.data_sources.values())
            self.errors.append(
                f"experiments.{name}.dataset = {dataset!r}: is in no mapping of data_sources; {nearest(dataset, known)}"
            )
        model = FAMILIES[experiment.family].tasks[task]
        try:
            params = model.model_validate(given)
        except ValidationError as error:
            for item in error.errors():
                section = "sweep" if item["loc"] and item["loc"][0] in swept else "params"
                self.errors.append(describe(item, model, f"experiments.{name}.{section}"))
            return None
        return Run(params.model_dump(mode="json"), dataset, axes)

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name.

        Raises
        ------
        ConfigError
            Naming the nearest experiment, if there is none.
        """
        if name not in self.settings.experiments:
            raise ConfigError(f"config.yaml has no experiment {name!r}; {nearest(name, self.settings.experiments)}")
        return self.settings.experiments[name]

    def run(self, experiment: str, identity: str) -> Run:
        """The run that a path names; a path that names none gets a ConfigError, not a job."""
        self.experiment(experiment)
        if identity not in self.runs[experiment]:
            raise ConfigError(
                f"experiment {experiment!r} has no run {identity!r} at scale {self.settings.scale!r}; "
                f"{nearest(identity, self.runs[experiment])}"
            )
        return self.runs[experiment][identity]

    def engine(self, experiment: str) -> str:
        """Dotted name of the module that runs an experiment."""
        entry = self.experiment(experiment)
        return engine(entry.family, self.task(experiment))

    # --- shards --------------------------------------------------------------------------------

    def shards(self, experiment: str) -> list[str]:
        """Names of an experiment's shards: 000, 001, ..."""
        return [f"{shard:03d}" for shard in range(self.shard_count(experiment))]

    def shard_count(self, experiment: str) -> int:
        entry = self.experiment(experiment)
        return -(-entry.seeds // (entry.seeds_per_shard or entry.seeds))

    def seeds(self, experiment: str, shard: str) -> list[int]:
        """The seeds of one shard."""
        entry = self.experiment(experiment)
        count, number = self.shard_count(experiment), int(shard)
        if number >= count or shard != f"{number:03d}":
            raise ConfigError(
                f"experiment {experiment!r} has the shards 000 to {count - 1:03d} at scale "
                f"{self.settings.scale!r}, not {shard!r}"
            )
        size = entry.seeds_per_shard or entry.seeds
        return list(range(number * size, min(entry.seeds, (number + 1) * size)))

    def shard_contents(self, experiment: str) -> dict[str, dict]:
        """``run/shard`` to what that shard must say of itself; the join refuses any other."""
        return {
            f"{identity}/{shard}": {
                "params": run.params,
                "dataset": run.dataset,
                "seeds": self.seeds(experiment, shard),
            }
            for identity, run in self.runs[experiment].items()
            for shard in self.shards(experiment)
        }

    # --- data ----------------------------------------------------------------------------------

    def source(self, dataset: str) -> dict:
        """Where a data set comes from under the active mapping, as plain values."""
        mapping = self.settings.data_sources[self.settings.data]
        if dataset not in mapping:
            raise ConfigError(
                f"data_sources.{self.settings.data} has no {dataset!r}; it has {', '.join(mapping)}; "
                "add it, or choose another mapping with --config data=..."
            )
        return mapping[dataset].model_dump(mode="json")

    # --- figures -------------------------------------------------------------------------------

    def check_figure(self, name: str) -> None:
        figure = self.settings.figures[name]
        where = f"figures.{name}"
        if figure.family not in FAMILIES:
            self.errors.append(f"{where}.family = {figure.family!r}: no such family; allowed: {', '.join(FAMILIES)}")
        for experiment in figure.tables:
            if experiment not in self.settings.experiments:
                self.errors.append(
                    f"{where}.experiments: {experiment!r} is no experiment; "
                    f"{nearest(experiment, self.settings.experiments)}"
                )
        module, function = figure.draw.split(".")
        source = f"nnstatmech.{figure.family}.figures.{module}"
        functions = defined_functions(source)
        if module_file(source) is None:
            self.errors.append(f"{where}.draw = {figure.draw!r}: there is no module {source}")
        elif function not in functions:
            self.errors.append(
                f"{where}.draw = {figure.draw!r}: {module}.py defines no {function!r}; {nearest(function, functions)}"
            )

    def figure(self, name: str):
        """The figure of that name.

        Raises
        ------
        ConfigError
            Listing the figures, if there is none.
        """
        if name not in self.settings.figures:
            raise ConfigError(
                f"config.yaml has no figure {name!r}; {nearest(name, self.settings.figures)}; "
                f"it has {', '.join(self.settings.figures)}"
            )
        return self.settings.figures[name]
