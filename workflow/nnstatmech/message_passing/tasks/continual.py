"""Task ``continual``: one network learns permuted versions of an image task one after the other.

The posterior of a task is the prior of the next; nothing else is kept. Columns of the table: ``learned`` (tasks learned
so far), ``task`` (which of them is tested, from 1; null for what belongs to the weights). Quantities:

``test_accuracy``, ``bayes_test_accuracy``
    Of the network sign(m) and of the average over the posterior, on the whole test set, in %.
``decided``
    Share of the weights with |H| > 10, in %.
``first_surprise``, ``last_surprise``
    Root mean square of the field that the first and the last mini-batch of a task sends to the first layer, over that
    of the fields there.
``batches``
    Mini-batches a task.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..learning import Learner
from ..params import Continual
from ..preprocessing import Samples, prepare, shuffled
from ..trainers import Replica, Trainer, replicas_of, rows_of, trainer_of
from .training import count_errors

DECIDED = 10.0  # tanh 10 = 1 − 4e-9


def run(
    params: Continual,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Accuracies on every task seen so far, after each task.

    Raises
    ------
    ValueError
        If there is no labelled data set, or the batch is larger than the training set.
    """
    if dataset is None:
        raise ValueError("continual learning needs a data set; name one, e.g. dataset: mnist")
    train, test = prepare(dataset, params.labels, device)
    replicas = replicas_of(params, seeds)
    own_seeds = [replica.seed for replica in replicas]
    rows = rows_of(params, replicas, train, dataset.name)
    trainer = trainer_of(params, replicas, train.inputs.shape[1], device)
    permutations = [pixel_order(task, train.inputs.shape[1]).to(device) for task in range(params.tasks)]
    record: list[tuple] = []
    with progress(total=params.tasks, desc=f"continual, {params.algorithm}") as bar:
        for task in range(params.tasks):
            known = permutations[: task + 1] if params.rehearsal else [permutations[task]]
            surprises = learn_task(params, trainer, train, rows, known, own_seeds, task)
            for quantity, values in (*surprises.items(), *weight_state(trainer)):
                record.append((task + 1, None, quantity, values))
            for tested in range(task + 1):
                permuted = Samples(test.inputs[:, permutations[tested]], test.labels)
                for quantity, values in accuracies(params, trainer, permuted, len(replicas)):
                    record.append((task + 1, tested + 1, quantity, values))
            bar.update(1)
    return table_of(record, replicas)


def pixel_order(task: int, pixels: int) -> Tensor:
    """The order of the pixels in a task, the same for all realisations; the first task keeps it."""
    if task == 0:
        return torch.arange(pixels)
    return torch.randperm(pixels, generator=torch_stream(task, "continual: permutation"))


def learn_task(
    params: Continual,
    trainer: Trainer,
    train: Samples,
    rows: Tensor,
    permutations: Sequence[Tensor],
    seeds: Sequence[int],
    task: int,
) -> dict[str, list[float]]:
    """All epochs of a task; how strongly its first and last mini-batch act on the first layer."""
    shuffles = [torch_stream(seed, "continual: shuffle", task) for seed in seeds]
    choices = torch_stream(task, "continual: rehearsal")
    batches = list(mini_batches(params, rows, shuffles))
    found: dict[str, list[float]] = {"batches": [float(len(batches))] * len(seeds)}
    for number, chosen in enumerate(batches):
        inputs = permuted_inputs(train.inputs[chosen], permutations, choices)
        name = {0: "first_surprise", len(batches) - 1: "last_surprise"}.get(number)
        step = lambda inputs=inputs, chosen=chosen: trainer.learn_batch(inputs, train.labels[chosen])  # noqa: E731
        if name and isinstance(trainer, Learner):
            found[name] = surprise(trainer, step)
        else:
            step()
        trainer.after_batch(number)
    trainer.diverged()
    return found


def mini_batches(params: Continual, rows: Tensor, shuffles: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """Rows of the training set (R, M) of every full mini-batch of a task."""
    whole = rows.shape[1] - rows.shape[1] % params.batch_size
    for _ in range(params.epochs):
        yield from shuffled(rows, shuffles)[:, :whole].split(params.batch_size, dim=1)


def permuted_inputs(inputs: Tensor, permutations: Sequence[Tensor], choices: torch.Generator) -> Tensor:
    """Images (R, M, N), each with the pixels in the order of one of the tasks."""
    if len(permutations) == 1:
        return inputs[..., permutations[0]]
    which = torch.randint(len(permutations), inputs.shape[:2], generator=choices).to(inputs.device)
    return inputs.gather(-1, torch.stack(list(permutations))[which])


def surprise(learner: Learner, step: Callable[[], None]) -> list[float]:
    """Root mean square of H_in in the first layer over that of H, of one mini-batch with one sweep."""
    weights = learner.network.layers[0].weights
    before = weights.field.clone()
    step()
    received = (weights.field - weights.prior_field).square().mean((1, 2))
    return (received / before.square().mean((1, 2))).sqrt().tolist()


def weight_state(trainer: Trainer) -> Iterator[tuple[str, list[float]]]:
    if isinstance(trainer, Learner):
        fields = [layer.weights.field.abs().flatten(1) > DECIDED for layer in trainer.network.layers]
        yield "decided", (100 * torch.cat(fields, 1).double().mean(1)).tolist()


def accuracies(params: Continual, trainer: Trainer, test: Samples, count: int) -> Iterator[tuple[str, list[float]]]:
    predictors = {prefix: f for prefix, f in trainer.predictors().items() if params.bayes or prefix != "bayes_"}
    everything = torch.arange(len(test.inputs), device=test.inputs.device).expand(count, -1)
    for prefix, wrong in count_errors(predictors, test, everything).items():
        yield f"{prefix}test_accuracy", (100 - 100 * wrong / len(test.inputs)).tolist()


def table_of(record: Sequence[tuple], replicas: Sequence[Replica]) -> pa.Table:
    seeds = np.array([replica.seed for replica in replicas])
    cases = np.array([replica.case for replica in replicas], dtype=object)
    tables = [
        tidy(
            Continual.columns,
            seed=seeds,
            case=cases,
            learned=learned,
            task=np.array(task, dtype=object),
            quantity=quantity,
            value=np.array([value if np.isfinite(value) else None for value in values], dtype=object),
        )
        for learned, task, quantity, values in record
    ]
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
