"""From settings to runs, seeds, shards, figures and inputs: pure functions of the config, no torch."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial

from pydantic import ValidationError

from ..parameters import Cost
from .batches import RUN_ID, axes_to_batch, batches_of, run_id
from .families import Families, families_of
from .job_sizes import BATCH_SECONDS, seconds_a_seed, seconds_in_a_job, seeds_in_a_shard
from .layers import Layers
from .mistakes import ConfigError, Mistake, Path, dotted
from .references import Reference, reference_of
from .settings import Experiment, Figure, Settings, describe, nearest, read_settings

LONGEST_RUN_ID = 200
LABELS = ("experiment", "run")  # columns that the workflow puts in front of an engine's


@dataclass(frozen=True)
class Run:
    """One point of an experiment's sweep.

    Attributes
    ----------
    params
        The parameters of the engine, defaults included, as plain values: what re-run decisions compare. Those that came
        later are missing while they have their default.
    dataset
        Name of the data set, or None.
    axes
        The sweep's axes: the value of a swept parameter, or the name of a case.
    """

    params: dict
    dataset: str | None
    axes: dict


def sweep_points(experiment: Experiment, parameters: Iterable[str]) -> list[tuple[dict, dict]]:
    """Cartesian product of the axes: the values of the axes and the parameters that they set.

    A case of an axis that is called like one of ``parameters`` sets that parameter to its own name, unless it says
    otherwise.
    """
    axes = []
    for name, values in experiment.sweep.items():
        if isinstance(values, dict):
            own = [{name: case} if name in parameters else {} for case in values]
            axes.append([({name: case}, first | values[case]) for case, first in zip(values, own, strict=True)])
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

    Parameters
    ----------
    settings
        The settings at one scale.
    families
        The families that there are; by default those of the package.
    folder_of
        Path of an entry to the folder that file names in it are relative to; by default the working directory.

    Raises
    ------
    ConfigError
        With one line per mistake: unknown family, task, parameter, experiment or drawing function, a value
        out of its range, an empty sweep, two runs that are the same.
    """

    def __init__(self, settings: Settings, families: Families | None = None, folder_of=lambda path: None):
        self.settings = settings
        self.families = families_of() if families is None else families
        self.folder_of = folder_of
        self.mistakes: list[Mistake] = []
        self.runs: dict[str, dict[str, Run]] = {}
        for name, experiment in settings.experiments.items():
            self.runs[name] = self.plan_runs(name, experiment)
        for name in settings.figures:
            self.check_figure(name)
        self.check_names()
        if self.mistakes:
            raise ConfigError(*self.mistakes)

    @classmethod
    def of(cls, layers: Layers, scale: str | None = None, data: str | None = None) -> "Plan":
        """The plan of merged settings, at their own scale and mapping unless others are given."""
        config = layers.config if data is None else layers.config | {"data": data}
        return cls(read_settings(config, scale), layers.families, layers.folder_of)

    @cached_property
    def setting(self) -> str:
        """The folder below ``results/`` for this scale and data: ``laptop-bundled``."""
        return f"{self.settings.scale}-{self.settings.data}"

    def refuse(self, path: Path, text: str, value: object = None) -> None:
        """Note a mistake at ``path``; ``value`` is shown if there is one."""
        shown = dotted(path) if value is None else f"{dotted(path)} = {value!r}"
        self.mistakes.append(Mistake(path, f"{shown}: {text}"))

    def check_names(self) -> None:
        """The mapping and the experiments whose seeds are set must exist."""
        settings = self.settings
        if settings.data not in settings.data_sources:
            known = settings.data_sources
            hint = f"no such mapping in data_sources; {nearest(settings.data, known)}; allowed: {', '.join(known)}"
            self.refuse(("data",), hint, settings.data)
        if isinstance(settings.seeds, dict):
            for name in set(settings.seeds) - set(settings.experiments):
                self.refuse(("seeds", name), f"no such experiment; {nearest(name, settings.experiments)}")

    # --- runs ----------------------------------------------------------------------------------

    def task(self, experiment: str) -> str | None:
        """Name of the experiment's task; None, and a mistake, if it is not known."""
        entry = self.settings.experiments[experiment]
        tasks = self.families[entry.family].tasks
        if entry.task is None and len(tasks) == 1:
            return next(iter(tasks))
        if entry.task not in tasks:
            text = (
                f"family {entry.family!r} has no such task; {nearest(entry.task, tasks)}; allowed: {', '.join(tasks)}"
            )
            self.refuse(("experiments", experiment, "task"), text, entry.task or "")
            return None
        return entry.task

    def fields(self, family: str, task: str) -> Iterable[str]:
        """Names of a task's parameters."""
        return self.families[family].tasks[task].model_fields.keys()

    def task_class(self, experiment: str) -> str | None:
        """Name of the class of an experiment's parameters; None if family or task are not known."""
        entry = self.settings.experiments[experiment]
        tasks = self.families[entry.family].tasks if entry.family in self.families else {}
        known = entry.task or next(iter(tasks), None) if len(tasks) == 1 else entry.task
        return tasks[known].__name__ if known in tasks else None

    def plan_runs(self, name: str, experiment: Experiment) -> dict[str, Run]:
        where = ("experiments", name)
        if experiment.family not in self.families:
            hint = f"{nearest(experiment.family, self.families)}; allowed: {', '.join(self.families)}"
            self.refuse((*where, "family"), f"no such family; {hint}", experiment.family)
            return {}
        task = self.task(name)
        if task is None or not self.check_axes(name, experiment, task):
            return {}
        planned = [
            self.plan_run(name, experiment, task, *point)
            for point in sweep_points(experiment, self.fields(experiment.family, task))
        ]
        return self.distinct(name, [run for run in planned if run is not None])

    def check_axes(self, name: str, experiment: Experiment, task: str) -> bool:
        """Axes must have values, names of their own in the table, and parameters of their own."""
        before = len(self.mistakes)
        columns = self.families[experiment.family].tasks[task].columns
        setters: dict[str, str] = {}
        for axis, values in experiment.sweep.items():
            path = ("experiments", name, "sweep", axis)
            if not values:
                self.refuse(path, "is empty; it needs at least one value")
            if axis in columns or axis in LABELS:
                self.refuse(
                    path, f"the table has a column {axis!r} of its own; name the values as cases of another axis"
                )
            sets = {key for case in values.values() for key in case} if isinstance(values, dict) else {axis}
            sets |= {axis} & set(self.fields(experiment.family, task))
            for parameter in sorted(sets & set(setters)):
                self.refuse(path, f"sets {parameter!r}, which the axis {setters[parameter]!r} sets too")
            setters |= dict.fromkeys(sets, axis)
        for axis in experiment.batched or ():
            if axis not in experiment.sweep:
                known = nearest(axis, experiment.sweep)
                self.refuse(("experiments", name, "batched"), f"is no axis of the sweep; {known}", axis)
        return len(self.mistakes) == before

    def distinct(self, name: str, planned: list[Run]) -> dict[str, Run]:
        """The runs by their ids; two that are the same, or are called the same, are refused."""
        path = ("experiments", name, "sweep")
        runs: dict[str, Run] = {}
        for run in planned:
            identity = run_id(run.axes)
            if not RUN_ID.fullmatch(identity) or len(identity) > LONGEST_RUN_ID:
                self.refuse(
                    path,
                    f"the run id {identity!r} is no file name; values of an axis may hold "
                    f"letters, digits and _ = . + - and {LONGEST_RUN_ID} characters together; name them as cases",
                )
                continue
            if identity in runs:
                self.refuse(path, f"two runs are called {identity!r}; values must differ")
                continue
            for other, made in runs.items():
                if made.params == run.params and made.dataset == run.dataset:
                    self.refuse(path, f"the runs {other!r} and {identity!r} are the same")
            runs[identity] = run
        return runs

    def plan_run(self, name: str, experiment: Experiment, task: str, axes: dict, swept: dict) -> Run | None:
        where = ("experiments", name)
        given = {"dataset": experiment.dataset} | experiment.params | swept
        dataset = given.pop("dataset")
        model = self.families[experiment.family].tasks[task]
        self.check_dataset((*where, "sweep" if "dataset" in swept else "dataset"), dataset, model.needs, task)
        try:
            parameters = model.model_validate(given)
        except ValidationError as error:
            for item in error.errors():
                section = "sweep" if item["loc"] and item["loc"][0] in swept else "params"
                self.mistakes.append(describe(item, model, (*where, section)))
            return None
        # What the engine computes with names the run: 1 and 1.0 of a decimal parameter are one value.
        listed = {axis for axis, values in experiment.sweep.items() if isinstance(values, list)}
        values = parameters.model_dump(mode="json")
        named = {axis: values[axis] if axis in listed & set(values) else axes[axis] for axis in axes}
        return Run(parameters.identity(), dataset, named)

    def check_dataset(self, path: Path, dataset: object, needs: str | None, task: str) -> None:
        """A task must get the data that it needs, and a data set must exist."""
        sources = self.settings.data_sources
        if dataset is None:
            if needs is not None:
                what = "images" if needs == "images" else "images with labels"
                self.refuse(path, f"is missing: the task {task!r} needs {what}")
            return
        if not any(dataset in mapping for mapping in sources.values()):
            known = set().union(*sources.values())
            self.refuse(path, f"is in no mapping of data_sources; {nearest(dataset, known)}", dataset)
        elif needs is None:
            self.refuse(path, f"the task {task!r} reads no data set; leave it out", dataset)

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name.

        Raises
        ------
        ConfigError
            Naming the nearest experiment, if there is none.
        """
        if name not in self.settings.experiments:
            raise ConfigError(f"there is no experiment {name!r}; {nearest(name, self.settings.experiments)}")
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
        return self.families[self.experiment(experiment).family].engine(str(self.task(experiment)))

    def parameters(self, experiment: str, identity: str):
        """The parameters of a run as its task's class holds them."""
        task = self.families[self.experiment(experiment).family].tasks[str(self.task(experiment))]
        return task.model_validate_json(json.dumps(self.run(experiment, identity).params))

    # --- jobs ----------------------------------------------------------------------------------

    def cost(self, experiment: str, identity: str, seeds: int) -> Cost:
        """What a job with so many realisations of one run takes, for the data set of the run."""
        run = self.run(experiment, identity)
        source = self.settings.data_sources[self.settings.data].get(run.dataset or "")
        images = None if source is None else source.training_images
        return self.parameters(experiment, identity).with_images(images).cost(seeds)

    @cached_property
    def batches(self) -> dict[str, dict[str, list[str]]]:
        """Experiment to its jobs, without their seeds: a job's name to the runs that it computes."""
        return {name: self.plan_batches(name) for name in self.runs}

    def plan_batches(self, experiment: str) -> dict[str, list[str]]:
        """An experiment's jobs: by the axes that its entry batches, or by those that its runs' cost allows to."""
        entry, runs = self.experiment(experiment), self.runs[experiment]
        axes = {identity: run.axes for identity, run in runs.items()}
        batched = entry.batched
        if batched is None:
            # As many seeds as the entry asks for, whatever caps them: more seeds then leave the jobs as they are.
            seeds = min(self.shard_size(experiment), entry.seeds)
            seconds = {identity: seconds_in_a_job(self.cost(experiment, identity, seeds)) for identity in runs}
            batched = axes_to_batch(axes, seconds, BATCH_SECONDS[self.settings.scale])
        return batches_of(axes, batched)

    def batch(self, experiment: str, name: str) -> list[str]:
        """The runs of the job that a path names.

        Raises
        ------
        ConfigError
            Naming the nearest job, or the one that computes the run of that name.
        """
        self.experiment(experiment)
        batches = self.batches[experiment]
        if name in batches:
            return batches[name]
        where = next((batch for batch, runs in batches.items() if name in runs), None)
        if where is not None:
            raise ConfigError(f"the run {name!r} of experiment {experiment!r} is computed in the job {where!r}")
        raise ConfigError(
            f"experiment {experiment!r} has no job {name!r} at scale {self.settings.scale!r}; {nearest(name, batches)}"
        )

    # --- shards --------------------------------------------------------------------------------

    def seed_count(self, experiment: str) -> int:
        """Realisations of an experiment: those of its entry, or what ``seeds`` caps them to, in whole shards."""
        entry = self.experiment(experiment)
        cap = self.settings.seeds
        most = cap.get(experiment) if isinstance(cap, dict) else cap
        if most is None:
            return entry.seeds
        size = self.shard_size(experiment)
        return min(entry.seeds, -(-most // size) * size)

    def shard_size(self, experiment: str) -> int:
        """Realisations in one job: those of the entry, or as many as the longest run's cost allows."""
        stated = self.experiment(experiment).seeds_per_shard
        return self.shard_sizes[experiment] if stated is None else stated

    @cached_property
    def shard_sizes(self) -> dict[str, int]:
        """What :meth:`shard_size` gives where the entry leaves it open."""
        longest = {
            name: max((seconds_a_seed(partial(self.cost, name, run)) for run in runs), default=1.0)
            for name, runs in self.runs.items()
        }
        return {name: seeds_in_a_shard(seconds, self.settings.scale) for name, seconds in longest.items()}

    def shards(self, experiment: str) -> list[str]:
        """Names of an experiment's shards: 000, 001, ..."""
        return [f"{shard:03d}" for shard in range(self.shard_count(experiment))]

    def shard_count(self, experiment: str) -> int:
        return -(-self.seed_count(experiment) // self.shard_size(experiment))

    def seeds(self, experiment: str, shard: str) -> list[int]:
        """The seeds of one shard."""
        count, number = self.shard_count(experiment), int(shard)
        if number >= count or shard != f"{number:03d}":
            raise ConfigError(
                f"experiment {experiment!r} has the shards 000 to {count - 1:03d} at scale "
                f"{self.settings.scale!r}, not {shard!r}"
            )
        size = self.shard_size(experiment)
        return list(range(number * size, min(self.seed_count(experiment), (number + 1) * size)))

    def shard_contents(self, experiment: str) -> dict[str, dict[str, dict]]:
        """``batch/shard`` to what that shard must say of each of its runs; the join refuses any other."""
        return {
            f"{batch}/{shard}": {
                identity: {
                    "params": self.runs[experiment][identity].params,
                    "dataset": self.runs[experiment][identity].dataset,
                    "seeds": self.seeds(experiment, shard),
                }
                for identity in runs
            }
            for batch, runs in self.batches[experiment].items()
            for shard in self.shards(experiment)
        }

    # --- data ----------------------------------------------------------------------------------

    def dataset_of(self, experiment: str, identity: str) -> str | None:
        """The data set that a run reads, if it reads one.

        Raises
        ------
        ConfigError
            If the active mapping does not have it, or has it without the labels that the task needs.
        """
        dataset = self.run(experiment, identity).dataset
        if dataset is None:
            return None
        self.source(dataset)
        task = str(self.task(experiment))
        needs = self.families[self.experiment(experiment).family].tasks[task].needs
        if needs == "labels" and not self.settings.data_sources[self.settings.data][dataset].has_labels:
            path = ("data_sources", self.settings.data, dataset)
            text = f"{dotted(path)}: gives no labels, and experiment {experiment!r} (task {task!r}) needs them"
            raise ConfigError(Mistake(path, text))
        return dataset

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
        where: Path = ("figures", name)
        if figure.family not in self.families:
            self.refuse((*where, "family"), f"no such family; allowed: {', '.join(self.families)}", figure.family)
            return
        missing = [entry for entry in figure.tables if entry not in self.settings.experiments]
        for experiment in missing:
            hint = nearest(experiment, self.settings.experiments)
            self.refuse((*where, "experiments"), f"{experiment!r} is no experiment; {hint}")
        try:
            signature = self.drawing(name).signature()
        except ConfigError as error:
            self.refuse((*where, "draw"), "; ".join(error.lines), figure.draw)
            return
        tasks = {entry: self.task_class(entry) for entry in figure.tables if entry not in missing}
        for path, text in signature.mistakes(figure.experiments, figure.options, tasks):
            self.refuse((*where, *path), text)

    def drawing(self, name: str) -> Reference:
        """Where a figure's drawing function is."""
        figure = self.figure(name)
        package = self.families[figure.family].package
        return reference_of(figure.draw, f"{package}.figures", self.folder_of(("figures", name, "draw")))

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Raises
        ------
        ConfigError
            Listing the figures, if there is none.
        """
        if name not in self.settings.figures:
            raise ConfigError(
                f"there is no figure {name!r}; {nearest(name, self.settings.figures)}; "
                f"there are {', '.join(self.settings.figures)}"
            )
        return self.settings.figures[name]
