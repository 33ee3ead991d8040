"""What a notebook needs: run an experiment, read its table, draw its figure.

Tables that :func:`run` makes are those that the workflow writes, labels and ``attrs`` included: every reading, figure
and measure accepts them.
"""

import importlib
import sys
import time
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure
from pydantic import TypeAdapter, ValidationError
from tqdm import tqdm

from . import devices
from .datasets import Dataset
from .datasets.load import load
from .datasets.sources import ImageFolder, Source
from .errors import NamedProblem
from .figures import style
from .loading import drawing_function
from .planning.layers import of_package
from .planning.mistakes import ConfigError
from .planning.plan import Plan
from .planning.settings import mistakes_of, nearest
from .storage import provenance
from .storage.progress import no_progress
from .storage.shards import prepend, read_frame
from .storage.tables import require_finite


def plan_at(scale: str = "laptop", data: str = "bundled") -> Plan:
    """The plan of the settings that come with the package."""
    return Plan.of(of_package({"scale": scale, "data": data}))


def run(
    family: str,
    *,
    task: str | None = None,
    seeds: int | Sequence[int] = 1,
    dataset: Dataset | None = None,
    device: str = "auto",
    progress: bool = True,
    experiment: str = "notebook",
    **params,
) -> pd.DataFrame:
    """Run one task with one set of parameters.

    Parameters
    ----------
    family
        Name of a family: ``moments``, ``message_passing``, ``linear_bnn``, ``cascades``, ...
    task
        One of its tasks; may be left out where there is only one.
    seeds
        Number of realisations (seeds 0, 1, ...), or the seeds themselves.
    dataset
        What the task reads, if it reads any: see :func:`images`.
    device
        ``auto``, ``cpu`` or ``cuda``; families without GPU code compute on the CPU.
    progress
        Whether to show a bar.
    experiment
        What the table is called in its labels.
    params
        Parameters of the task; those that are left out have their defaults (docs/configuration.md).

    Returns
    -------
    pandas.DataFrame
        The task's table with the labels ``experiment`` and ``run`` in front. ``attrs["runs"]`` maps the run to its
        parameters, ``attrs["shards"]`` holds the provenance.

    Raises
    ------
    NamedProblem
        If the family, the task, a parameter or the data set cannot be used; one line a mistake.

    Examples
    --------
    >>> import nnstatmech as nsm
    >>> table = nsm.run("linear_bnn", task="norm_learning", progress=False)
    >>> nsm.parameters_of(table)["dataset"] is None
    True
    """
    found = of_package().families
    if family not in found:
        raise NamedProblem(f"family = {family!r}: no such family; {nearest(family, found)}")
    tasks = found[family].tasks
    task = task or (next(iter(tasks)) if len(tasks) == 1 else None)
    if task not in tasks:
        raise NamedProblem(f"task = {task!r}: family {family!r} has no such task; allowed: {', '.join(tasks)}")
    model = tasks[task]
    try:
        parameters = model.model_validate(params)
    except ValidationError as error:
        raise NamedProblem("; ".join(mistake.text for mistake in mistakes_of(error, model, (task,)))) from error
    require_data(dataset, model.needs, task)
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    where = devices.choose_device(device if found[family].uses_gpu else "cpu")
    engine = importlib.import_module(found[family].engine(task))
    start = time.perf_counter()
    made = engine.run(parameters, chosen, dataset, where, partial(tqdm, leave=False) if progress else no_progress)
    require_finite(made, f"{family}/{task}")
    frame = prepend(made, {"experiment": experiment, "run": "single"}).to_pandas()
    name = dataset.name if dataset else None
    plain = parameters.identity()
    frame.attrs["runs"] = {"single": plain | {"dataset": name}}
    frame.attrs["shards"] = [
        provenance.collect(Path(__file__).parent, devices.describe(where))
        | {
            "experiment": experiment,
            "run": "single",
            "params": plain,
            "dataset": name,
            "dataset_description": dataset and dataset.description,
            "stand_in": dataset is not None and dataset.stand_in,
            "seeds": chosen,
            "engine": engine.__name__,
            "seconds": round(time.perf_counter() - start, 3),
        }
    ]
    return frame


def require_data(dataset: Dataset | None, needs: str | None, task: str) -> None:
    """Refuse a task without the data that it needs."""
    if needs is None:
        return
    if dataset is None:
        raise NamedProblem(f'the task {task!r} needs images: give dataset=nsm.images("mnist"), or images of your own')
    if needs == "labels" and dataset.train_labels is None:
        raise NamedProblem(f"the task {task!r} needs labels, and {dataset.description} has none")


def images(
    source: str | PathLike | np.ndarray = "cifar10",
    labels: np.ndarray | None = None,
    *,
    data: str = "bundled",
    data_dir: str | PathLike = "data",
    size: int | None = None,
    grey: bool = False,
) -> Dataset:
    """A data set for :func:`run`.

    Parameters
    ----------
    source
        A name that experiments use (``mnist``, ``fashion_mnist``, ``cifar10``, ``digits``); or a folder, or a zip, with
        a sub-folder of images a class; or an array, uint8, of shape (images, height, width[, channels]).
    labels
        With an array: integers of shape (images,).
    data
        With a name: the mapping of data sets, ``bundled`` for the stand-ins that come with scikit-learn.
    data_dir
        With a name: the folder that is looked in before anything is downloaded.
    size, grey
        With a folder: side in pixels to which images are cropped and resized, and whether they lose their colours.

    Returns
    -------
    Dataset
        A tenth of an array, or of a folder without test images, is held out for testing.

    Raises
    ------
    NamedProblem
        If there is no such data set, or its files cannot be used.

    Examples
    --------
    >>> import nnstatmech as nsm
    >>> nsm.images("cifar10").train_images.shape[1:]
    (32, 32, 3)
    """
    if isinstance(source, np.ndarray):
        return dataset_of_array(source, labels)
    name = str(source)
    mappings = of_package().config["data_sources"]
    if data not in mappings:
        raise NamedProblem(f"data = {data!r}: no such mapping; {nearest(data, mappings)}")
    if name in mappings[data]:
        return load(name, TypeAdapter(Source).validate_python(mappings[data][name]), data_dir)
    path = Path(name).expanduser()
    if not path.exists():
        raise NamedProblem(f"{name!r} is neither a data set nor a folder; {nearest(name, mappings[data])}")
    return load(
        path.stem, ImageFolder.model_validate({"path": str(path.resolve()), "size": size, "grey": grey}), path.parent
    )


def dataset_of_array(values: np.ndarray, labels: np.ndarray | None) -> Dataset:
    """Images of the caller's own as a data set; every tenth is held out for testing."""
    values = values[..., None] if values.ndim == 3 else values
    if values.dtype != np.uint8 or values.ndim != 4:
        raise NamedProblem(
            f"images must be uint8 of shape (n, height, width[, channels]), not {values.dtype} of {values.shape}"
        )
    if labels is not None and (np.asarray(labels).shape != values.shape[:1]):
        raise NamedProblem(f"labels must be of shape ({len(values)},), not {np.asarray(labels).shape}")
    test = np.arange(len(values)) % 10 == 9
    split = (
        (None, None) if labels is None else (np.asarray(labels, np.int64)[~test], np.asarray(labels, np.int64)[test])
    )
    return Dataset("array", values[~test], split[0], values[test], split[1], "images of an array", stand_in=False)


def draw(
    figure: str, *, scale: str = "laptop", save: str | PathLike | None = None, options: dict | None = None, **tables
) -> Figure:
    """Draw a figure from tables; a notebook shows it where the call, or the figure, is the last line of a cell.

    Parameters
    ----------
    figure
        Its id, as :func:`list_figures` gives them.
    scale
        The scale whose axis ranges are used.
    save
        A file to save it in; its suffix says the format.
    options
        Options of the drawing function over those of the figure.
    tables
        Role to a table, or a list of tables: those of :func:`run`, or of :func:`table`.

    Raises
    ------
    NamedProblem
        If there is no such figure, or a role is missing or unknown.

    Examples
    --------
    >>> import nnstatmech as nsm
    >>> photographs = nsm.images("cifar10")
    >>> params = dict(architecture="vanilla", depth=20, width=16, kernel_size=1)
    >>> table = nsm.run("moments", **params, seeds=2, dataset=photographs, progress=False)
    >>> len(nsm.draw("Fig_3", main=table).axes)
    2
    """
    plan = plan_at(scale)
    try:
        entry = plan.figure(figure)
        reference = plan.drawing(figure)
        signature = reference.signature()
        chosen = entry.options | (options or {})
        given = {role: [] if isinstance(value, list | tuple) else "" for role, value in tables.items()}
        wrong = [text for _, text in signature.mistakes(given, chosen, {})]
    except ConfigError as error:
        raise NamedProblem("; ".join(error.lines)) from error
    if wrong:
        raise NamedProblem("; ".join(wrong))
    package = plan.families[entry.family].package
    function = drawing_function(entry.draw, package, plan.folder_of(("figures", figure, "draw")) or ".")
    if any(parameter.name == "scale" for parameter in signature.parameters):
        chosen = {"scale": scale} | chosen
    if "ipykernel" in sys.modules:
        # Pictures are drawn without pyplot; this teaches a notebook to show them all the same.
        importlib.import_module("matplotlib_inline.backend_inline")
    with style.look():
        drawn = function(**tables, **chosen)
        if save is not None:
            drawn.savefig(save, bbox_inches="tight")
    pyplot.close(drawn)  # a figure of the caller's own function, which a notebook would show twice
    return drawn


def table(
    experiment: str, *, scale: str = "laptop", data: str = "bundled", results: str | PathLike = "results"
) -> pd.DataFrame:
    """A finished table of the workflow.

    Raises
    ------
    NamedProblem
        If there is no such experiment, or its table has not been made; then with the command that makes it.
    """
    plan = plan_at(scale, data)
    try:
        family = plan.experiment(experiment).family
    except ConfigError as error:
        raise NamedProblem("; ".join(error.lines)) from error
    path = Path(results) / f"{scale}-{data}" / family / f"{experiment}.parquet"
    if not path.exists():
        raise NamedProblem(f"{path} is not there; make it: snakemake {path} --config scale={scale} data={data}")
    return read_frame(str(path))


def list_figures() -> pd.DataFrame:
    """All figures, one row each: ``family``, ``title`` and the ``experiments`` that they are drawn from.

    Examples
    --------
    >>> import nnstatmech as nsm
    >>> nsm.list_figures().loc["Fig_4", "family"]
    'moments'
    """
    plan = plan_at()
    rows = {
        name: {"family": entry.family, "title": entry.title, "experiments": ", ".join(entry.tables)}
        for name, entry in plan.settings.figures.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("figure")


def list_experiments(scale: str = "laptop") -> pd.DataFrame:
    """All experiments at one scale, one row each: ``family``, ``task``, ``dataset``, numbers of ``runs``, ``seeds``."""
    plan = plan_at(scale)
    rows = {
        name: {
            "family": entry.family,
            "task": plan.task(name),
            "dataset": ", ".join(sorted({str(run.dataset) for run in plan.runs[name].values() if run.dataset})),
            "runs": len(plan.runs[name]),
            "seeds": plan.seed_count(name),
        }
        for name, entry in plan.settings.experiments.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")
