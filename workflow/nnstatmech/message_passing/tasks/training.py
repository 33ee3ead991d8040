"""Task ``training``: a binary-weight classifier learns images from mini-batches, epoch by epoch.

Columns of the table: ``case`` (name of one of ``params.cases``, else null), ``epoch`` (0 = before training; null for
what belongs to a whole run), ``layer`` (0 = the first weights; null for the network). Quantities:

``train_error``, ``test_error``
    Errors of the point-wise network sign(m) on the whole training and test set, in %.
``bayes_train_error``, ``bayes_test_error``
    The same for the prediction averaged over the posterior.
``polarisation``, ``overlap``, ``overlap_full``, ``sign_overlap``
    ⟨q0⟩ of a layer; mean overlap of its units off the diagonal of m mᵀ/N; with the diagonal, as early figures plot it;
    off the diagonal for the signs of the weights. All of the weights that exist.
``field_scale``, ``largest_field``
    Root mean square and largest |H| of a layer.
``exact_kernel``
    1 where bp or bpi used the kernel over all edges at the end of the epoch, 0 where the series sufficed.
``expansion_ratio``
    Smallest √V / max|x̂| of a layer of amp since the last evaluation (at most 10⁶): below about 2 its expansion in the
    share of one weight fails.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...devices import free_bytes, tensor_float_32
from ...seeding import torch_stream
from ...storage.checkpoints import Checkpoint, no_checkpoint
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import kernels, observables
from ..graphs import CapturedStep
from ..params import Training
from ..preprocessing import Samples, prepare, shuffled
from ..trainers import Replica, Trainer, replicas_of, rows_of, trainer_of

EVALUATION_ROWS = 8192
EVALUATION_TENSORS = 4  # of the size of the images, at once


def run(
    params: Training,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
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
    replicas = replicas_of(params, seeds)
    own_seeds = [replica.seed for replica in replicas]
    rows = rows_of(params, replicas, train, dataset.name)
    course = checkpoint.load()
    if course is None:
        trainer = trainer_of(params, replicas, train.inputs.shape[1], device)
        course = Course(0, trainer, Record(replicas), [torch_stream(seed, "shuffle") for seed in own_seeds])
        course.record.add("samples", [float(rows.shape[1])] * len(replicas))
        evaluate(course.record, trainer, params, 0, train, test, rows)
    trainer, record = course.trainer, course.record
    step = CapturedStep(trainer.learn_batch, trainer.state, trainer.kernel_plan, can_be_captured(params))
    described = f"{params.algorithm} batch {params.batch_size}"
    bars = progress(total=params.epochs, initial=course.epoch, desc=described, unit="epoch")
    with tensor_float_32(params.tf32), bars as bar:
        for epoch in range(course.epoch + 1, params.epochs + 1):
            seconds = learn_epoch(step, trainer, train, shuffled(rows, course.shuffles), params.batch_size)
            record.add("seconds_per_epoch", [seconds / len(replicas)] * len(replicas), epoch)
            record.note_divergence(epoch, *trainer.diverged())
            if epoch % params.evaluate_every == 0 or epoch == params.epochs:
                evaluate(record, trainer, params, epoch, train, test, rows)
                bar.set_postfix_str(record.latest("test_error"))
            bar.update(1)
            course.epoch = epoch
            if uses_exact_kernel(trainer, params):
                course.kernel = kernels.status()
            checkpoint.offer(lambda: course)
    step.free()
    if course.kernel != "unused":
        record.add("fused_kernel", [float(course.kernel == "fused")] * len(replicas))
    return record.table()


@dataclass
class Course:
    """Where a training stands: all that the next epoch needs.

    Attributes
    ----------
    epoch
        Epochs that are done.
    trainer
        The networks.
    record
        The rows so far.
    shuffles
        What the order of the images of each replica is drawn from.
    kernel
        What large exact sums have used, as :func:`.kernels.status` says, also before the job was killed.
    """

    epoch: int
    trainer: Trainer
    record: "Record"
    shuffles: list[torch.Generator]
    kernel: str = "unused"


def uses_exact_kernel(trainer: Trainer, params: Training) -> bool:
    """Whether a layer sums over all edges, one by one."""
    if params.algorithm not in ("bp", "bpi"):
        return False
    plan = trainer.kernel_plan()
    return params.series_order is None or (isinstance(plan, tuple) and any(plan))


def can_be_captured(params: Training) -> bool:
    """A graph replays fixed tensors: messages that survive a batch, or a stop that the host decides, rule it out."""
    return params.reset_messages and params.stop == "never"


def learn_epoch(step: CapturedStep, trainer: Trainer, train: Samples, order: Tensor, batch_size: int) -> float:
    """All full mini-batches of one epoch in the ``order`` (R, P) of the images; returns its wall time in seconds."""
    replicas, samples = order.shape
    start = time.perf_counter()
    for batch in range(samples // batch_size):
        rows = order[:, batch * batch_size : (batch + 1) * batch_size].reshape(-1)
        inputs = train.inputs.index_select(0, rows).view(replicas, batch_size, -1)
        step(inputs, train.labels.index_select(0, rows).view(replicas, batch_size))
        trainer.after_batch(batch)
    if order.is_cuda:
        torch.cuda.synchronize(order.device)
    return time.perf_counter() - start


def evaluate(
    record: "Record", trainer: Trainer, params: Training, epoch: int, train: Samples, test: Samples, rows: Tensor
) -> None:
    """Errors on the training images ``rows`` (R, P) and on the whole test set, and the state of the weights."""
    predictors = {
        prefix: predict for prefix, predict in trainer.predictors().items() if params.bayes or prefix != "bayes_"
    }
    everything = torch.arange(len(test.inputs), device=rows.device).expand(len(rows), -1)
    for split, samples, chosen in (("train", train, rows), ("test", test, everything)):
        for prefix, counts in count_errors(predictors, samples, chosen).items():
            record.add(f"{prefix}{split}_error", (100 * counts / chosen.shape[1]).tolist(), epoch)
    for quantity, layer, values in trainer.observe():
        record.add(quantity, values, epoch, layer)


def count_errors(
    predictors: dict[str, Callable[[Tensor], Tensor]], samples: Samples, chosen: Tensor
) -> dict[str, Tensor]:
    """Wrong predictions (R,) of each predictor on the rows ``chosen`` (R, P), some rows at a time."""
    wrong = {prefix: torch.zeros(len(chosen), dtype=torch.float64, device=chosen.device) for prefix in predictors}
    for part in chosen.split(max(1, evaluation_rows(samples.inputs) // len(chosen)), dim=1):
        inputs = samples.inputs[part]
        labels = samples.labels[part]
        for prefix, predict in predictors.items():
            wrong[prefix] += observables.errors(predict(inputs), labels).sum(1)
    return wrong


def evaluation_rows(inputs: Tensor) -> int:
    """Images that are predicted at once: a few thousand on a CPU, a quarter of the free memory on a GPU."""
    free = free_bytes(inputs.device)
    if free is None:
        return EVALUATION_ROWS
    return max(EVALUATION_ROWS, free // (4 * EVALUATION_TENSORS * inputs.shape[1] * inputs.element_size()))


class Record:
    """Rows of the table, quantity by quantity with one value a replica."""

    def __init__(self, replicas: Sequence[Replica]):
        self.replicas = replicas
        self.rows: dict[str, list] = {name: [] for name in Training.columns}
        self.diverged: set[int] = set()
        self.lost: set[int] = set()

    def add(self, quantity: str, values: Sequence[float], epoch: int | None = None, layer: int | None = None) -> None:
        """One row a replica; the values of those that are lost are null."""
        for replica, value in enumerate(values):
            self.add_row(replica, quantity, None if replica in self.lost else value, epoch, layer)

    def note_divergence(self, epoch: int, diverged: Sequence[bool], lost: Sequence[bool]) -> None:
        """Record the first divergence of each replica; the values of those that are lost are null from now on."""
        for replica in np.flatnonzero(diverged).tolist():
            if replica not in self.diverged:
                self.diverged.add(replica)
                self.add_row(replica, "diverged_epoch", float(epoch), None, None)
        self.lost.update(np.flatnonzero(lost).tolist())

    def latest(self, quantity: str) -> str:
        """The last value of the first replica, in %, for the progress line."""
        replicas = len(self.replicas)
        for start in range(len(self.rows["quantity"]) - replicas, -1, -1):
            if self.rows["quantity"][start : start + replicas] == [quantity] * replicas:
                value = self.rows["value"][start]
                return f"{quantity} diverged" if value is None else f"{quantity} {value:.2f} %"
        return ""

    def table(self) -> pa.Table:
        return tidy(Training.columns, **{name: np.array(values, object) for name, values in self.rows.items()})

    def add_row(self, replica: int, quantity: str, value: float | None, epoch: int | None, layer: int | None) -> None:
        entry = self.replicas[replica]
        if value is not None and not np.isfinite(value):
            raise RuntimeError(f"{quantity} of seed {entry.seed} at epoch {epoch} is not finite")
        row = {
            "seed": entry.seed,
            "case": entry.case,
            "epoch": epoch,
            "layer": layer,
            "quantity": quantity,
            "value": value,
        }
        for name, item in row.items():
            self.rows[name].append(item)
