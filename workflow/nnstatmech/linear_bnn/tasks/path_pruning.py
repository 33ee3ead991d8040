"""Task ``path_pruning``: accuracy of a deep ReLU classifier whose pixels keep their K strongest paths only."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..digits import CLASSES, MiniBatches, accuracy, input_vectors, labels_of, require
from ..params import PathPruning
from ..path_pruning import ReluClassifiers, pruned_accuracies

TRAINED, HELD_OUT = 0.70, 0.15
"""Fractions of all images that are trained on and validated on; the rest is the test set."""


def run(
    params: PathPruning, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Train one network a seed, each on its own random split of all images, and prune its paths.

    Rows: ``accuracy`` by split; ``pruned_accuracy`` on the test split by number of ``paths`` K a pixel;
    ``active_fraction`` of the units of each hidden ``layer``, and ``most_active`` the largest number of active
    units of any test image.
    """
    dataset = require(dataset)
    splits = {name: [] for name in ("train", "validation", "test")}
    for seed in seeds:
        for name, part in standardised_splits(dataset, seed, device).items():
            splits[name].append(part)
    stacked = {name: tuple(map(torch.stack, zip(*parts, strict=True))) for name, parts in splits.items()}
    (x, labels), test = stacked["train"], stacked["test"]
    widths = [x.shape[-1], *[params.width] * params.hidden_layers, CLASSES]
    network = ReluClassifiers.draw(widths, seeds, device)
    orders = [torch_stream(seed, "path_pruning", "order") for seed in seeds]
    batches = MiniBatches(x.shape[1], params.batch_size, orders)
    with progress(total=params.epochs, desc="epochs") as bar:
        network.train(x, labels, params.epochs, params.learning_rate, batches, bar)
    with progress(total=len(seeds) * len(params.kept), desc="numbers of paths") as bar:
        pruned = pruned_accuracies(network, test[0], test[1], params.kept, bar)
    rows = np.asarray(seeds)
    return pa.concat_tables(
        [
            *(unpruned(network, rows, name, *part) for name, part in stacked.items()),
            *activity(network, rows, stacked["test"][0]),
            tidy(
                PathPruning.columns,
                seed=rows[:, None],
                split="test",
                paths=np.asarray(params.kept),
                quantity="pruned_accuracy",
                value=pruned.double().numpy(),
            ),
        ]
    )


def standardised_splits(dataset: Dataset, seed: int, device: torch.device) -> dict[str, tuple]:
    """All images and labels of a data set, split at random and scaled to unit variance over the training part."""
    images = np.concatenate([dataset.train_images, dataset.test_images])
    labels = torch.tensor(np.concatenate(labels_of(dataset)))
    order = torch.randperm(len(images), generator=torch_stream(seed, "path_pruning", "split"))
    x, labels = input_vectors(images)[order], labels[order]
    first, second = int(TRAINED * len(x)), int((TRAINED + HELD_OUT) * len(x))
    deviation, mean = torch.std_mean(x[:first], dim=0, correction=0)
    x = (x - mean) / torch.where(deviation > 0, deviation, 1.0)
    bounds = {"train": slice(first), "validation": slice(first, second), "test": slice(second, None)}
    return {name: (x[part].to(device), labels[part].to(device)) for name, part in bounds.items()}


@torch.no_grad()
def unpruned(network: ReluClassifiers, seeds: np.ndarray, split: str, x: Tensor, labels: Tensor) -> pa.Table:
    """Accuracy of every network with all paths."""
    value = accuracy(network(x)[0], labels).cpu().numpy()
    return tidy(PathPruning.columns, seed=seeds, split=split, quantity="accuracy", value=value)


@torch.no_grad()
def activity(network: ReluClassifiers, seeds: np.ndarray, x: Tensor) -> list[pa.Table]:
    """How many units of each layer are active."""
    tables = []
    for layer, active in enumerate(network(x)[1], start=1):
        counts = active.sum(-1)
        shared = {"seed": seeds, "split": "test", "layer": layer}
        fraction = (counts.double() / active.shape[-1]).mean(-1).cpu().numpy()
        tables.append(tidy(PathPruning.columns, **shared, quantity="active_fraction", value=fraction))
        most = counts.amax(-1).double().cpu().numpy()
        tables.append(tidy(PathPruning.columns, **shared, quantity="most_active", value=most))
    return tables
