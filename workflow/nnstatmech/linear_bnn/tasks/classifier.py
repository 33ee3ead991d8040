"""Task ``classifier``: learning curves of a deep linear classifier and the preactivations of one image."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..classifier import FrozenReadoutClassifier
from ..digits import MiniBatches, input_vectors, labels_of, split_sizes
from ..params import Classifier as Params

columns = pa.schema(
    [
        ("seed", pa.int32()),
        ("split", CATEGORY),
        ("epoch", pa.int32()),
        ("quantity", CATEGORY),
        ("value", pa.float64()),
        ("profile", pa.list_(pa.float32())),
    ]
)


PROFILES = {"preactivation": "preactivations", "transposed": "transposed"}


def run(
    params: Params, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Train one network a seed, all side by side.

    Rows: ``accuracy`` and ``loss`` (mean cross-entropy, nats) by split and epoch, those of the training split
    measured on as many images as the validation split; ``preactivation_deviation``, the standard deviation of
    the components of W₂ W₁ x for one test image, and ``transposed_deviation``, with both matrices transposed;
    at the first, middle and last epoch the components themselves, ``preactivations`` and ``transposed``, as
    profiles; without a seed, ``input_norm`` |x| of that image.
    """
    train_labels, _ = labels_of(dataset)
    train, held_out = split_sizes(len(train_labels), params.train_images, params.validation_images)
    x = input_vectors(dataset.train_images[: held_out + train], device)
    y = torch.as_tensor(train_labels[: held_out + train], device=device)
    image = input_vectors(dataset.test_images[params.image : params.image + 1], device)[0]
    network = FrozenReadoutClassifier.draw(x.shape[1], params.width, params.classes, seeds, device)
    batches = [MiniBatches(train, params.batch_size, torch_stream(seed, "classifier", "order")) for seed in seeds]
    splits = {"train": (x[held_out:][:held_out], y[held_out:][:held_out]), "validation": (x[:held_out], y[:held_out])}
    one_hot = torch.nn.functional.one_hot(y, params.classes).float()
    tables = [tidy(columns, quantity="input_norm", value=np.array([image.norm().item()]))]
    steps = batches[0].steps_per_epoch
    epochs = batches[0].epochs_of(params.epochs, params.least_steps)
    with progress(total=epochs * steps, desc="gradient steps") as bar:
        for epoch in range(epochs + 1):
            kept = epoch in (0, epochs // 2, epochs)
            tables += [*learning_curve(network, splits, seeds, epoch), *signal(network, image, seeds, epoch, kept)]
            for _ in range(steps if epoch < epochs else 0):
                batch = torch.stack([stream.next() for stream in batches]).to(device) + held_out
                network.descend(x[batch], one_hot[batch], params.learning_rate)
                bar.update(1)
    return pa.concat_tables(tables)


def learning_curve(network: FrozenReadoutClassifier, splits: dict, seeds: Sequence[int], epoch: int) -> list[pa.Table]:
    """Accuracy and cross-entropy of every network on every split."""
    tables = []
    for split, (x, labels) in splits.items():
        logits = network.logits(x[None])
        scores = {
            "accuracy": (logits.argmax(-1) == labels).double().mean(-1),
            "loss": -logits.log_softmax(-1)[:, torch.arange(len(labels)), labels].double().mean(-1),
        }
        for name, value in scores.items():
            tables.append(
                tidy(
                    columns, seed=np.asarray(seeds), split=split, epoch=epoch, quantity=name, value=value.cpu().numpy()
                )
            )
    return tables


def signal(
    network: FrozenReadoutClassifier, image: torch.Tensor, seeds: Sequence[int], epoch: int, kept: bool
) -> list[pa.Table]:
    """Deviations, and if ``kept`` components, of one image's signal, as it is and with the matrices transposed."""
    kinds = {"preactivation": network.preactivations(image)}
    if network.first.shape[-2] == network.first.shape[-1]:
        kinds["transposed"] = network.transposed_preactivations(image)
    tables = []
    for name, components in kinds.items():
        shared = {"seed": np.asarray(seeds), "epoch": epoch}
        deviation = components.std(-1).cpu().numpy()
        tables.append(tidy(columns, **shared, quantity=f"{name}_deviation", value=deviation))
        if kept:
            tables.append(tidy(columns, **shared, quantity=PROFILES[name], profile=components.cpu().numpy()))
    return tables
