"""Task ``training``: a binary-weight classifier learns images from mini-batches, epoch by epoch.

Columns of the table: ``case`` (name of one of ``params.cases``, else null), ``epoch`` (0 = before training; null for
what belongs to a whole run), ``layer`` (0 = the first weights; null for the network). Quantities:

``train_error``, ``test_error``
    Errors of the point-wise network sign(m) on the whole training and test set, in %.
``bayes_train_error``, ``bayes_test_error``
    The same for the prediction averaged over the posterior.
``polarisation``, ``overlap``, ``overlap_full``, ``sign_overlap``
    ⟨q0⟩ of a layer; mean overlap of its units off the diagonal of m mᵀ/N; with the diagonal, as early figures plot it;
    off the diagonal for the signs of the weights.
``field_scale``, ``largest_field``
    Root mean square and largest |H| of a layer.
``exact_kernel``
    1 where bp or bpi used the kernel over all edges at the end of the epoch, 0 where the series sufficed.
``fused_kernel``
    1 if the kernel over all edges was compiled, 0 if it ran eagerly. No row: it was not needed.
``seconds_per_epoch``
    Wall time of the mini-batch loop alone, divided by the replicas computed together.
``diverged_epoch``
    Epoch in which a field reached the limit or ceased to be finite. No row: the run did not diverge.
``samples``
    Training images used.

After a replica has ceased to be finite its values are null.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY
from .. import kernels, observables
from ..baselines import BinaryNet
from ..graphs import CapturedStep
from ..learning import Learner, LearningSettings
from ..network import build_network
from ..params import Case, TrainingParams
from ..preprocessing import Samples, prepare, training_rows

Params = TrainingParams

columns = pa.schema(
    {
        "seed": pa.int32(),
        "case": CATEGORY,
        "epoch": pa.int32(),
        "layer": pa.int32(),
        "quantity": CATEGORY,
        "value": pa.float64(),
    }
)

EVALUATION_ROWS = 8192
BATCHES_BETWEEN_KERNEL_CHOICES = 64


@dataclass(frozen=True)
class Replica:
    """One of the networks that are trained together."""

    seed: int
    name: str | None
    case: Case


class Trainer(Protocol):
    """What the epochs need of a learner, whether it passes messages or descends a gradient."""

    def train_batch(self, inputs: Tensor, labels: Tensor) -> None: ...

    def decisions(self) -> list[Tensor]: ...

    def state(self) -> list[Tensor]: ...


def run(
    params: TrainingParams,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train one network per seed and case, all together, and record every epoch.

    Raises
    ------
    ValueError
        If there is no labelled data set, or the batch is larger than the training set.
    """
    if dataset is None:
        raise ValueError("training needs a data set; name one, e.g. dataset: mnist")
    train, test = prepare(dataset, params.labels, device)
    replicas = [Replica(seed, name, case) for name, case in (params.cases or {None: Case()}).items() for seed in seeds]
    rows = training_rows(
        len(train.inputs), params.samples, [replica.seed for replica in replicas], params.subset_seed
    ).to(device)
    if params.batch_size > rows.shape[1]:
        raise ValueError(
            f"batch_size: {params.batch_size} is larger than the {rows.shape[1]} training images of {dataset.name}"
        )
    widths = [train.inputs.shape[1], *params.hidden, 1 if params.labels == "odd_even" else 10]
    trainer = _trainer(params, replicas, widths, device)
    record = _Record(replicas)
    record.add("samples", [float(rows.shape[1])] * len(replicas))
    shuffles = [torch_stream(replica.seed, "shuffle") for replica in replicas]
    step = CapturedStep(trainer.train_batch, trainer.state, _plan(trainer), _can_be_captured(params))
    with progress(total=params.epochs, desc=f"{params.algorithm} batch {params.batch_size}", unit="epoch") as bar:
        _evaluate(record, trainer, params, 0, train, test, rows)
        for epoch in range(1, params.epochs + 1):
            order = torch.stack([torch.randperm(rows.shape[1], generator=shuffle) for shuffle in shuffles])
            order = rows.gather(1, order.to(device))
            seconds = _epoch(step, trainer, train, order, params.batch_size)
            record.add("seconds_per_epoch", [seconds / len(replicas)] * len(replicas), epoch)
            _note_divergence(record, trainer, params, epoch)
            if epoch % params.evaluate_every == 0 or epoch == params.epochs:
                _evaluate(record, trainer, params, epoch, train, test, rows)
                bar.set_postfix_str(record.last("test_error"))
            bar.update(1)
    if kernels.status() != "unused":
        record.add("fused_kernel", [float(kernels.status() == "fused")] * len(replicas))
    return record.table()


def _trainer(params: TrainingParams, replicas: list[Replica], widths: list[int], device: torch.device) -> Trainer:
    seeds = [replica.seed for replica in replicas]

    def each(key: str) -> list:
        given = [getattr(replica.case, key) for replica in replicas]
        return [getattr(params, key) if value is None else value for value in given]

    def by_layer(key: str) -> Tensor:
        layers = len(widths) - 1
        values = [value if isinstance(value, list) else [value] * layers for value in each(key)]
        return torch.tensor(values, dtype=torch.float64).T

    if params.algorithm in ("sgd", "adam_sgd"):
        return BinaryNet(
            widths,
            seeds,
            learning_rate=each("learning_rate"),
            optimiser="adam" if params.algorithm == "adam_sgd" else "sgd",
            density=params.density,
            freeze_top=params.freeze_top,
            device=device,
        )
    network = build_network(
        widths,
        params.algorithm,
        seeds,
        epsilon=each("epsilon"),
        output="binary" if params.labels == "odd_even" else "argmax",
        weights=params.weights,
        density=params.density,
        freeze_top=params.freeze_top,
        series_order=params.series_order,
        switch_ratio=params.switch_ratio,
        tap_variant=params.tap_variant,
        cavity_variance=params.cavity_variance,
        device=device,
    )
    settings = LearningSettings(
        rho=by_layer("rho"),
        damping=by_layer("psi"),
        reinforcement=by_layer("reinforcement"),
        reinforcement_step=params.reinforcement_step,
        focusing=params.focusing,
        max_sweeps=params.max_sweeps,
        stop=params.stop,
        tolerance=params.tolerance,
        reset_messages=params.reset_messages,
        field_limit=params.field_limit,
    )
    return Learner(network, settings)


def _plan(trainer: Trainer):
    return trainer.kernel_plan if isinstance(trainer, Learner) else lambda: None


def _can_be_captured(params: TrainingParams) -> bool:
    """A graph replays fixed tensors: messages that survive a batch, or a stop that the host decides, rule it out."""
    return params.reset_messages and params.stop == "never"


def _epoch(step: CapturedStep, trainer: Trainer, train: Samples, order: Tensor, batch_size: int) -> float:
    """All full mini-batches of one epoch; returns its wall time in seconds.

    The choice between series and exact kernel reads a number back: on a GPU it is made at the epoch's start only.
    """
    replicas, samples = order.shape
    interval = samples if order.is_cuda else BATCHES_BETWEEN_KERNEL_CHOICES
    start = time.perf_counter()
    for batch in range(samples // batch_size):
        rows = order[:, batch * batch_size : (batch + 1) * batch_size].reshape(-1)
        inputs = train.inputs.index_select(0, rows).view(replicas, batch_size, -1)
        step(inputs, train.labels.index_select(0, rows).view(replicas, batch_size))
        if isinstance(trainer, Learner) and batch % interval == 0:
            trainer.choose_kernels()
    if order.is_cuda:
        torch.cuda.synchronize(order.device)
    return time.perf_counter() - start


def _note_divergence(record: "_Record", trainer: Trainer, params: TrainingParams, epoch: int) -> None:
    if not isinstance(trainer, Learner):
        return
    largest = torch.stack([layer.weights.field.abs().amax((1, 2)) for layer in trainer.network.layers]).amax(0)
    finite = torch.stack([layer.weights.mean.isfinite().all(-1).all(-1) for layer in trainer.network.layers]).all(0)
    finite &= largest.isfinite()
    for replica, (field, is_finite) in enumerate(zip(largest.tolist(), finite.tolist(), strict=True)):
        if not is_finite or field >= params.field_limit:
            record.diverged(replica, epoch)
        if not is_finite:
            record.retire(replica)
            trainer.network.silence(replica)


def _evaluate(
    record: "_Record",
    trainer: Trainer,
    params: TrainingParams,
    epoch: int,
    train: Samples,
    test: Samples,
    rows: Tensor,
) -> None:
    decisions = trainer.decisions()
    predictors = {"": lambda x: observables.pointwise_outputs(decisions, x)}
    if params.bayes and isinstance(trainer, Learner):
        predictors["bayes_"] = lambda x: observables.bayesian_outputs(trainer.network, x)
    everything = torch.arange(len(test.inputs), device=rows.device).expand(len(rows), -1)
    for split, samples, chosen in (("train", train, rows), ("test", test, everything)):
        wrong = _count_errors(predictors, samples, chosen)
        for prefix, counts in wrong.items():
            record.add(f"{prefix}{split}_error", (100 * counts / chosen.shape[1]).tolist(), epoch)
    for layer, weights in enumerate(decisions):
        off_diagonal = observables.overlap(weights)[1]
        if off_diagonal is not None:
            record.add("sign_overlap", off_diagonal.tolist(), epoch, layer)
    if isinstance(trainer, Learner):
        _observe_layers(record, trainer, epoch)


def _count_errors(predictors: dict, samples: Samples, chosen: Tensor) -> dict[str, Tensor]:
    """Wrong predictions (R,) of each predictor on the rows ``chosen`` (R, P), a few thousand rows at a time."""
    wrong = {prefix: torch.zeros(len(chosen), dtype=torch.float64, device=chosen.device) for prefix in predictors}
    for part in chosen.split(max(1, EVALUATION_ROWS // len(chosen)), dim=1):
        inputs = samples.inputs[part]
        labels = samples.labels[part]
        for prefix, predict in predictors.items():
            wrong[prefix] += observables.errors(predict(inputs), labels).sum(1)
    return wrong


def _observe_layers(record: "_Record", trainer: Learner, epoch: int) -> None:
    exact = trainer.kernel_plan()
    for index, layer in enumerate(trainer.network.layers):
        mean, field = layer.weights.mean, layer.weights.field
        full, off_diagonal = observables.overlap(mean)
        record.add("polarisation", observables.polarisation(mean).tolist(), epoch, index)
        record.add("overlap_full", full.tolist(), epoch, index)
        if off_diagonal is not None:
            record.add("overlap", off_diagonal.tolist(), epoch, index)
        record.add("field_scale", field.double().square().mean((1, 2)).sqrt().tolist(), epoch, index)
        record.add("largest_field", field.abs().amax((1, 2)).tolist(), epoch, index)
        if exact[index] is not None:
            record.add("exact_kernel", [float(r in exact[index]) for r in range(len(mean))], epoch, index)


class _Record:
    """Rows of the table, quantity by quantity with one value a replica."""

    def __init__(self, replicas: list[Replica]):
        self._replicas = replicas
        self._parts: dict[str, list] = {name: [] for name in columns.names}
        self._diverged: set[int] = set()
        self._retired: set[int] = set()

    def add(self, quantity: str, values: list[float], epoch: int | None = None, layer: int | None = None) -> None:
        for index, value in enumerate(values):
            self._row(index, quantity, None if index in self._retired else value, epoch, layer)

    def diverged(self, replica: int, epoch: int) -> None:
        """Record the first divergence of a replica."""
        if replica not in self._diverged:
            self._diverged.add(replica)
            self._row(replica, "diverged_epoch", float(epoch), None, None)

    def retire(self, replica: int) -> None:
        """The values of this replica are null from now on."""
        self._retired.add(replica)

    def last(self, quantity: str) -> str:
        """The latest value of the first replica, for the progress line."""
        for index in range(len(self._parts["quantity"]) - len(self._replicas), -1, -1):
            if self._parts["quantity"][index] == quantity and self._parts["seed"][index] == self._replicas[0].seed:
                value = self._parts["value"][index]
                return f"{quantity} diverged" if value is None else f"{quantity} {value:.2f} %"
        return ""

    def table(self) -> pa.Table:
        arrays = []
        for field in columns:
            values = self._parts[field.name]
            if field.type == CATEGORY:
                arrays.append(pa.array(values, pa.string()).dictionary_encode().cast(CATEGORY))
            else:
                arrays.append(pa.array(values, field.type))
        return pa.Table.from_arrays(arrays, schema=columns)

    def _row(self, replica: int, quantity: str, value: float | None, epoch: int | None, layer: int | None) -> None:
        if value is not None and not np.isfinite(value):
            raise RuntimeError(f"{quantity} of seed {self._replicas[replica].seed} at epoch {epoch} is not finite")
        entry = self._replicas[replica]
        for name, item in zip(columns.names, (entry.seed, entry.name, epoch, layer, quantity, value), strict=True):
            self._parts[name].append(item)
