"""Task ``regression``: learning curves, test scores and predicted label distributions, for all couplings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.checkpoints import Checkpoint, no_checkpoint
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..digits import MiniBatches, labelled_digits, require, step_size
from ..params import Regression
from ..regression import CubicReadoutNetwork, Objective, mean_output_by_label, mean_scores, one_of_each, train


def run(
    params: Regression,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """Train all couplings of all ``seeds`` side by side.

    Rows: ``squared_error``, ``divergence``, ``accuracy``, ``accuracy_peak``, ``accuracy_template``, ``penalty``
    and ``loss`` (as trained on, with the penalty) by split and epoch, the training split measured on as many
    images as the validation split; ``diverged_epoch`` for a network whose outputs left the float range, which
    has no further rows; ``image`` and ``target`` (no seed) and ``prediction`` of single test images, and
    ``mean_prediction`` over all test images of a label, as profiles.
    """
    dataset = require(dataset)
    digits = labelled_digits(dataset, params.train_images, params.validation_images, device)
    rate = step_size(params.learning_rate, params.learning_rate_unit, digits.x)
    objective = Objective.of(params, device)
    course = checkpoint.load()
    if course is None:
        network = CubicReadoutNetwork(digits.x.shape[1], params.width, params.bins, params.couplings, seeds, device)
        orders = [torch_stream(seed, "regression", "order") for seed in seeds]
        course = Course(0, network, MiniBatches(len(digits.x), params.batch_size, orders), ScoreRows(params, seeds))
    network, batches, scores = course.network, course.batches, course.scores
    followed = {split: digits.splits[split] for split in ("train", "validation")}
    stops = np.linspace(0, params.steps, params.evaluations + 1).round().astype(int)[course.evaluations :]
    training = train(
        network, objective, digits.x, digits.labels, batches, stops, rate, params.warm_up, made=course.steps
    )
    with progress(total=params.steps, initial=course.steps, desc="gradient steps") as bar:
        for step in training:
            scores.measure(network, objective, followed, step / batches.steps_per_epoch)
            bar.update(step - course.steps)
            course.steps, course.evaluations = int(step), course.evaluations + 1
            checkpoint.offer(lambda: course)
    scores.measure(network, objective, {"test": digits.splits["test"]}, params.steps / batches.steps_per_epoch)
    test = digits.splits["test"]
    shown = one_of_each(test[1].cpu().numpy(), params.examples)
    pictures = [*examples(shown, objective, *test), *predictions(params, seeds, network, shown, *test)]
    return pa.concat_tables([*scores.tables, *pictures])


@dataclass
class Course:
    """Where a training stands: all that the next steps need.

    Attributes
    ----------
    steps, evaluations
        Steps that are made, and how often the networks have been measured.
    network, batches, scores
        The networks, what they are shown next, and the rows so far.
    """

    steps: int
    network: CubicReadoutNetwork
    batches: MiniBatches
    scores: "ScoreRows"
    evaluations: int = 0


class ScoreRows:
    """Scores of the ensemble as rows, networks that diverged recorded once."""

    def __init__(self, params: Regression, seeds: Sequence[int]):
        self.seeds = np.repeat(seeds, len(params.couplings))
        self.couplings = np.tile(params.couplings, len(seeds))
        self.diverged = np.zeros(len(self.seeds), dtype=bool)
        self.tables: list[pa.Table] = []

    def measure(
        self,
        network: CubicReadoutNetwork,
        objective: Objective,
        splits: Mapping[str, tuple[Tensor, Tensor]],
        epoch: float,
    ) -> None:
        """Append one row for each score of each network on each of ``splits``: name to images and labels."""
        for split, images in splits.items():
            measured = mean_scores(network, objective, *images)
            measured = {name: value.ravel() for name, value in measured.items()}
            self.note_divergence(np.isfinite(measured["loss"]), epoch)
            fine = ~self.diverged
            for name, value in measured.items():
                self.append(fine, split=split, epoch=epoch, quantity=name, value=value[fine])

    def note_divergence(self, finite: np.ndarray, epoch: float) -> None:
        new = ~finite & ~self.diverged
        self.append(new, epoch=epoch, quantity="diverged_epoch", value=epoch)
        self.diverged |= new

    def append(self, which: np.ndarray, **given) -> None:
        self.tables.append(tidy(Regression.columns, seed=self.seeds[which], coupling=self.couplings[which], **given))


def examples(shown: np.ndarray, objective: Objective, x: Tensor, labels: Tensor) -> list[pa.Table]:
    """The ``shown`` test images and their targets."""
    known = labels[shown].cpu().numpy()
    shared = {"split": "test", "image": shown, "label": known}
    return [
        tidy(Regression.columns, **shared, quantity="image", profile=x[shown].cpu().numpy()),
        tidy(Regression.columns, **shared, quantity="target", profile=objective.peaks[known].cpu().numpy()),
    ]


def predictions(
    params: Regression,
    seeds: Sequence[int],
    network: CubicReadoutNetwork,
    shown: np.ndarray,
    x: Tensor,
    labels: Tensor,
) -> list[pa.Table]:
    """Outputs for the ``shown`` test images, and their mean over all images of a label, of finite networks."""
    known = labels[shown].cpu().numpy()
    single = network(x[shown].expand(len(seeds), -1, -1)).mT.cpu().numpy()
    mean = mean_output_by_label(network, x, labels).cpu().numpy()
    tables = []
    for i, j in zip(*np.nonzero(np.isfinite(mean).all((2, 3))), strict=True):
        network_of = {"seed": seeds[i], "coupling": params.couplings[j], "split": "test"}
        one = {"image": shown, "label": known, "quantity": "prediction", "profile": single[i, j]}
        average = {"label": np.arange(mean.shape[2]), "quantity": "mean_prediction", "profile": mean[i, j]}
        tables += [tidy(Regression.columns, **network_of, **rows) for rows in (one, average)]
    return tables
