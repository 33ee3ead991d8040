"""Task ``regression``: learning curves, test scores and predicted label distributions, for all couplings."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..digits import MiniBatches, input_vectors, labels_of, split_sizes, step_size
from ..params import Regression as Params
from ..regression import CubicReadoutNetwork, mean_output_by_label, mean_scores, one_of_each, templates

columns = pa.schema(
    [
        ("seed", pa.int32()),
        ("coupling", pa.float64()),
        ("split", CATEGORY),
        ("epoch", pa.float64()),
        ("image", pa.int32()),
        ("label", pa.int32()),
        ("quantity", CATEGORY),
        ("value", pa.float64()),
        ("profile", pa.list_(pa.float32())),
    ]
)


class Data:
    """Training, validation and test images as vectors, with labels and targets."""

    def __init__(self, params: Params, dataset: Dataset, device: torch.device):
        train_labels, test_labels = labels_of(dataset)
        train, held_out = split_sizes(len(train_labels), params.train_images, params.validation_images)
        x = input_vectors(dataset.train_images[: held_out + train], device)
        y = torch.as_tensor(train_labels[: held_out + train], device=device)
        self.peaks = torch.tensor(
            templates(params.bins, params.target_deviation, params.target_scale), dtype=torch.float32, device=device
        )
        self.x, self.labels = x[held_out:], y[held_out:]
        self.splits = {
            "train": (self.x[:held_out], self.labels[:held_out]),
            "validation": (x[:held_out], y[:held_out]),
            "test": (input_vectors(dataset.test_images, device), torch.as_tensor(test_labels, device=device)),
        }


def run(
    params: Params, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Train all couplings of all ``seeds`` side by side.

    Rows: ``squared_error``, ``divergence``, ``accuracy``, ``accuracy_peak``, ``accuracy_template``, ``penalty``
    and ``loss`` (as trained on, with the penalty) by split and epoch, the training split measured on as many
    images as the validation split; ``diverged_epoch`` for a network whose outputs left the float range, which
    has no further rows; ``image`` and ``target`` (no seed) and ``prediction`` of single test images, and
    ``mean_prediction`` over all test images of a label, as profiles.
    """
    data = Data(params, dataset, device)
    network = CubicReadoutNetwork(data.x.shape[1], params.width, params.bins, params.couplings, seeds, device)
    batches = [MiniBatches(len(data.x), params.batch_size, torch_stream(seed, "regression", "order")) for seed in seeds]
    curves = Curves(params, seeds, network, data)
    steps_per_epoch = batches[0].steps_per_epoch
    stops = np.linspace(0, params.steps, params.evaluations + 1).round().astype(int)
    rate = step_size(params.learning_rate, params.learning_rate_unit, data.x)
    with progress(total=params.steps, desc="gradient steps") as bar:
        curves.measure(("train", "validation"), 0.0)
        for start, stop in pairwise(stops):
            for i in range(start, stop):
                batch = torch.stack([batch.next() for batch in batches]).to(device)
                step(params, network, data, batch, rate * min(1.0, (i + 1) / (params.warm_up + 1)))
            curves.measure(("train", "validation"), stop / steps_per_epoch)
            bar.update(stop - start)
    curves.measure(("test",), params.steps / steps_per_epoch)
    return pa.concat_tables([*curves.tables, *examples(params, data), *predictions(params, seeds, network, data)])


def step(params: Params, network: CubicReadoutNetwork, data: Data, batch: torch.Tensor, rate: float) -> None:
    """One gradient step of every network on its own mini-batch of indices (seeds, images)."""
    targets = data.peaks[data.labels[batch]].mT
    per_output = 1.0 if params.loss == "sum" else 1.0 / params.bins
    network.descend(data.x[batch], targets, rate, params.penalty, per_output)


class Curves:
    """Scores of the ensemble as rows, networks that diverged recorded once."""

    def __init__(self, params: Params, seeds: Sequence[int], network: CubicReadoutNetwork, data: Data):
        self.params, self.network, self.data = params, network, data
        self.seeds = np.repeat(seeds, len(params.couplings))
        self.couplings = np.tile(params.couplings, len(seeds))
        self.diverged = np.zeros(len(self.seeds), dtype=bool)
        self.tables: list[pa.Table] = []

    def measure(self, splits: Sequence[str], epoch: float) -> None:
        """Append one row for each score of each network on each of ``splits``."""
        for split in splits:
            measured = mean_scores(self.network, *self.data.splits[split], self.data.peaks)
            measured["penalty"] = self.network.penalty(self.params.penalty).cpu().numpy()
            per_output = 1.0 if self.params.loss == "sum" else 1.0 / self.params.bins
            measured["loss"] = per_output * measured["squared_error"] + measured["penalty"]
            measured = {name: value.ravel() for name, value in measured.items()}
            self.note_divergence(np.isfinite(measured["loss"]), epoch)
            fine = ~self.diverged
            for name, value in measured.items():
                self.rows(fine, split=split, epoch=epoch, quantity=name, value=value[fine])

    def note_divergence(self, finite: np.ndarray, epoch: float) -> None:
        new = ~finite & ~self.diverged
        self.rows(new, epoch=epoch, quantity="diverged_epoch", value=epoch)
        self.diverged |= new

    def rows(self, which: np.ndarray, **given) -> None:
        self.tables.append(tidy(columns, seed=self.seeds[which], coupling=self.couplings[which], **given))


def examples(params: Params, data: Data) -> list[pa.Table]:
    """Images and targets of the test images whose predictions are kept."""
    x, labels = data.splits["test"]
    chosen = one_of_each(labels.cpu().numpy(), params.examples)
    known = labels[chosen].cpu().numpy()
    shared = {"split": "test", "image": chosen, "label": known}
    return [
        tidy(columns, **shared, quantity="image", profile=x[chosen].cpu().numpy()),
        tidy(columns, **shared, quantity="target", profile=data.peaks[known].cpu().numpy()),
    ]


def predictions(params: Params, seeds: Sequence[int], network: CubicReadoutNetwork, data: Data) -> list[pa.Table]:
    """Outputs for single test images, and their mean over the test images of a label, of finite networks."""
    x, labels = data.splits["test"]
    chosen = one_of_each(labels.cpu().numpy(), params.examples)
    single = network(x[chosen].expand(len(seeds), -1, -1)).mT.cpu().numpy()
    mean = mean_output_by_label(network, x, labels).cpu().numpy()
    tables = []
    for i, j in zip(*np.nonzero(np.isfinite(mean).all((2, 3))), strict=True):
        shared = {"seed": seeds[i], "coupling": params.couplings[j], "split": "test"}
        known = labels[chosen].cpu().numpy()
        tables.append(tidy(columns, **shared, image=chosen, label=known, quantity="prediction", profile=single[i, j]))
        tables.append(
            tidy(columns, **shared, label=np.arange(mean.shape[2]), quantity="mean_prediction", profile=mean[i, j])
        )
    return tables
