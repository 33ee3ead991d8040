"""Message passing for perceptrons of binary weights, sweep by sweep, at several loads α = P/N."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets.dataset import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..learning import LearningSettings
from ..params import Perceptron
from ..perceptron import Patterns, Student, random_labels, teacher_student


def run(
    params: Perceptron,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Overlaps and training error after each sweep.

    Returns
    -------
    A table of the quantities ``self_overlap``, ``training_error``, for teacher-student problems ``teacher_overlap``,
    and with a reference algorithm ``distance_to_reference``, the root mean square difference of the means of the
    weights from those that the reference has after as many sweeps. It ends at the sweep at which no realisation is
    left: those whose patterns are all right (random labels) or whose weights are decided keep their weights.
    """
    make = teacher_student if params.problem == "teacher_student" else random_labels
    tables = []
    sizes = list(itertools.product(params.inputs, params.loads))
    with progress(total=len(sizes) * params.sweeps, desc=f"perceptron, {params.algorithm}") as bar:
        for inputs, load in sizes:
            patterns = make(seeds, inputs, round(load * inputs), device)
            history = follow(params, patterns, seeds, bar)
            sweeps = np.arange(len(next(iter(history.values()))))[:, None]
            row = {"seed": np.asarray(seeds), "inputs": inputs, "load": load, "sweep": sweeps}
            tables += [
                tidy(Perceptron.columns, **row, quantity=quantity, value=np.stack(values))
                for quantity, values in history.items()
            ]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def follow(params: Perceptron, patterns: Patterns, seeds: Sequence[int], bar) -> dict[str, list[np.ndarray]]:
    """Every quantity after 0, 1, ... sweeps, one value per realisation."""
    settings = LearningSettings(
        rho=0.0,
        damping=params.psi,
        reinforcement=params.reinforcement,
        reinforcement_step=params.reinforcement_step,
        max_sweeps=params.sweeps + 1,  # more than one: messages are remembered from sweep to sweep
    )
    student = Student(params.algorithm, patterns, seeds, params.epsilon, settings)
    reference = Student(params.reference, patterns, seeds, params.epsilon, settings) if params.reference else None
    history: dict[str, list[np.ndarray]] = {}
    for sweep in range(params.sweeps + 1):
        if sweep:
            student.sweep()
            if reference:
                reference.sweep()
            bar.update(1)
        for quantity, values in measure_students(student, reference).items():
            history.setdefault(quantity, []).append(values.double().cpu().numpy())
        finished = student.decided()
        if params.problem == "random_labels":
            finished |= student.training_error() == 0
        student.stop(finished)
        if not student.active.any():
            bar.update(params.sweeps - sweep)
            break
    return history


def measure_students(student: Student, reference: Student | None) -> dict[str, Tensor]:
    quantities = {"self_overlap": student.self_overlap(), "training_error": student.training_error()}
    if student.patterns.teacher is not None:
        quantities["teacher_overlap"] = student.teacher_overlap()
    if reference is not None:
        quantities["distance_to_reference"] = (student.mean - reference.mean).square().mean(1).sqrt()
    return quantities
