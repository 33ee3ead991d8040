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
from ..digits import LabelledDigits, MiniBatches, labelled_digits, require, step_size
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
    ``mean_prediction`` over all test images of a label, as profiles. As the seed repository plots and reads them:
    ``misplaced_prediction``, for the training image of the same index as a test image, and ``misplaced_accuracy``,
    how often the nearest label to its peak is that of the test image.
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
    last = params.steps / batches.steps_per_epoch
    scores.measure(network, objective, {"test": digits.splits["test"]}, last)
    scores.measure_misplaced(network, objective, digits, last)
    test = digits.splits["test"]
    shown = one_of_each(test[1].cpu().numpy(), params.examples)
    given = {"prediction": test, "misplaced_prediction": (digits.x, digits.labels)}
    finite = scores.finite
    pictures = [
        *examples(shown, objective, *test),
        *mean_predictions(params, seeds, network, finite, *test),
        *(rows for name, of in given.items() for rows in predictions(params, seeds, network, finite, name, shown, *of)),
    ]
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
        self.shape = len(seeds), len(params.couplings)
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

    def measure_misplaced(
        self, network: CubicReadoutNetwork, objective: Objective, digits: LabelledDigits, epoch: float
    ) -> None:
        """Append how often a test image's label is read from the output for the training image of its index."""
        labels = digits.splits["test"][1]
        x = digits.x[: len(labels)]
        value = mean_scores(network, objective, x, labels[: len(x)])["accuracy_peak"].ravel()
        fine = ~self.diverged
        self.append(fine, split="test", epoch=epoch, quantity="misplaced_accuracy", value=value[fine])

    @property
    def finite(self) -> np.ndarray:
        """Which networks (seeds, couplings) have not diverged."""
        return ~self.diverged.reshape(self.shape)

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
    finite: np.ndarray,
    quantity: str,
    shown: np.ndarray,
    x: Tensor,
    labels: Tensor,
) -> list[pa.Table]:
    """Outputs of the ``finite`` networks (seeds, couplings) for those of the ``shown`` images that there are."""
    shown = shown[shown < len(x)]
    outputs = network(x[shown].expand(len(seeds), -1, -1)).mT.cpu().numpy()
    rows = {"split": "test", "image": shown, "label": labels[shown].cpu().numpy(), "quantity": quantity}
    return profile_rows(params, seeds, finite, outputs, rows)


def mean_predictions(
    params: Regression,
    seeds: Sequence[int],
    network: CubicReadoutNetwork,
    finite: np.ndarray,
    x: Tensor,
    labels: Tensor,
) -> list[pa.Table]:
    """Mean outputs of the ``finite`` networks over all images of a label."""
    outputs = mean_output_by_label(network, x, labels).cpu().numpy()
    rows = {"split": "test", "label": np.arange(outputs.shape[2]), "quantity": "mean_prediction"}
    return profile_rows(params, seeds, finite, outputs, rows)


def profile_rows(
    params: Regression, seeds: Sequence[int], finite: np.ndarray, outputs: np.ndarray, rows: dict
) -> list[pa.Table]:
    """``rows`` of each network with its outputs as profiles, where none of these left the float range."""
    whole = finite & np.isfinite(outputs).all((2, 3))
    return [
        tidy(Regression.columns, seed=seeds[i], coupling=params.couplings[j], **rows, profile=outputs[i, j])
        for i, j in zip(*np.nonzero(whole), strict=True)
    ]
