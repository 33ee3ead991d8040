"""Task ``classifier``: learning curves of a deep linear classifier and the preactivations of one image."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..classifier import FrozenReadoutClassifier, untrained_scale
from ..digits import MiniBatches, accuracy, input_vectors, labelled_digits, require
from ..params import Classifier

PROFILES = {"preactivation": "preactivations", "transposed": "transposed"}


def run(
    params: Classifier, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Train one network a seed, all side by side.

    Rows: ``accuracy`` and ``loss`` (mean cross-entropy, nats) by split and epoch, those of the training split
    measured on as many images as the validation split; ``preactivation_deviation``, the standard deviation of
    the components of W₂ W₁ x for one test image, and ``transposed_deviation``, with both matrices transposed;
    at the first, middle and last epoch the components themselves, ``preactivations`` and ``transposed``, as
    profiles; without a seed, for that image ``input_norm`` |x| and ``kappa`` = σ₁ σ₂ |x| of the untrained network, the
    parameter of the exact law of a component for Gaussian weights of the same variances.
    """
    dataset = require(dataset)
    digits = labelled_digits(dataset, params.train_images, params.validation_images, device)
    image = input_vectors(dataset.test_images[params.image : params.image + 1], device)[0]
    network = FrozenReadoutClassifier.draw(digits.x.shape[1], params.width, params.classes, seeds, device)
    orders = [torch_stream(seed, "classifier", "order") for seed in seeds]
    batches = MiniBatches(len(digits.x), params.batch_size, orders)
    one_hot = torch.nn.functional.one_hot(digits.labels, params.classes).float()
    norm = image.double().norm().item()
    kappa = norm * untrained_scale(digits.x.shape[1], params.width)
    tables = [
        tidy(Classifier.columns, quantity=name, value=np.array([value]))
        for name, value in (("input_norm", norm), ("kappa", kappa))
    ]
    steps = batches.steps_per_epoch
    epochs = batches.epochs_of(params.epochs, params.least_steps)
    with progress(total=epochs * steps, desc="gradient steps") as bar:
        for epoch in range(epochs + 1):
            for split in ("train", "validation"):
                tables += score_rows(network, split, *digits.splits[split], seeds, epoch)
            tables += signal(network, image, seeds, epoch, kept=epoch in (0, epochs // 2, epochs))
            for _ in range(steps if epoch < epochs else 0):
                batch = batches.next().to(device)
                network.descend(digits.x[batch], one_hot[batch], params.learning_rate)
                bar.update(1)
    return pa.concat_tables(tables)


def score_rows(
    network: FrozenReadoutClassifier, split: str, x: Tensor, labels: Tensor, seeds: Sequence[int], epoch: int
) -> list[pa.Table]:
    """Accuracy and cross-entropy of every network on one split."""
    logits = network.logits(x[None])
    scores = {
        "accuracy": accuracy(logits, labels),
        "loss": -logits.log_softmax(-1)[:, torch.arange(len(labels)), labels].double().mean(-1),
    }
    shared = {"seed": np.asarray(seeds), "split": split, "epoch": epoch}
    return [
        tidy(Classifier.columns, **shared, quantity=name, value=value.cpu().numpy()) for name, value in scores.items()
    ]


def signal(
    network: FrozenReadoutClassifier, image: Tensor, seeds: Sequence[int], epoch: int, kept: bool
) -> list[pa.Table]:
    """Deviations, and if ``kept`` components, of one image's signal, as it is and with the matrices transposed."""
    kinds = {"preactivation": network.preactivations(image)}
    if network.first.shape[-2] == network.first.shape[-1]:
        kinds["transposed"] = network.transposed_preactivations(image)
    tables = []
    for name, components in kinds.items():
        shared = {"seed": np.asarray(seeds), "epoch": epoch}
        deviation = components.std(-1).cpu().numpy()
        tables.append(tidy(Classifier.columns, **shared, quantity=f"{name}_deviation", value=deviation))
        if kept:
            tables.append(tidy(Classifier.columns, **shared, quantity=PROFILES[name], profile=components.cpu().numpy()))
    return tables
