"""Task ``reconstruction``: what cascades make of a trained network's activations, true and artificial."""

import math
from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..class_optimal import class_outputs, outputs, train_to_signs
from ..decoders import Adam, fit_cascade, full_precision, reconstruct
from ..entropies import explained_variance
from ..images import grey_inputs, minibatches, require_labels, subset
from ..networks import initial_parameters, shrinking_mlp, wide_mlp
from ..params import Reconstruction as Params

ARCHITECTURES = {"shrinking": shrinking_mlp, "wide": wide_mlp}
CLASSES = 10

columns = pa.schema(
    {
        "seed": pa.int32(),
        "quantity": CATEGORY,
        "layer": pa.int32(),
        "image": pa.int32(),
        "label": pa.int32(),
        "value": pa.float64(),
        "pixels": pa.list_(pa.float32()),
        "height": pa.int32(),
        "width": pa.int32(),
        "channels": pa.int32(),
    }
)


def run(
    params: Params,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train one network a seed and a decoder for each of its layers; decode true and artificial activations.

    Rows with a value: ``accuracy`` on the test images; ``explained_variance`` of the test images by the cascade from
    each layer; ``class_optimal``, the class that the network gives to the image decoded from the artificial output of
    class ``label``. Rows with ``pixels`` (row by row, channel fastest): ``class_optimal``; ``input``, the test images
    that are shown; ``reconstruction`` of them from each ``layer``; ``activation`` of each ``layer``, one row of units.
    """
    require_labels(dataset)
    images, labels = inputs(dataset, "train", params.train_images, params.resolution, device)
    test, test_labels = inputs(dataset, "test", params.test_images, params.resolution, device)
    shown = torch.nonzero(test_labels == params.shown_class)[: params.shown_images, 0].tolist()
    if not shown:
        raise ValueError(f"shown_class = {params.shown_class}: none of the {len(test)} test images has this label")
    layers = ARCHITECTURES[params.architecture](params.resolution**2, params.depth, classes=CLASSES)
    parameters = [
        initial_parameters(
            layer, position, [params.weight_variance] * len(seeds), params.bias_variance, seeds, device=device
        )
        for position, layer in enumerate(layers)
    ]
    steps = -(-params.presentations // params.batch_size)
    order = torch.stack(
        [minibatches(seed, "classifier", len(images), params.batch_size, steps) for seed in seeds], dim=1
    ).to(device)
    with progress(total=steps, desc="classifier") as bar:
        train_to_signs(layers, parameters, images, labels, order, params.learning_rate, lambda: bar.update(1))
    method = Adam(tuple(seeds), params.decoder_presentations, params.batch_size, params.learning_rate)
    with progress(total=len(layers), desc="decoders") as bar, full_precision():
        depths = range(1, len(layers) + 1)
        decoders, activations = fit_cascade(
            layers, parameters.__getitem__, method, images[None], test[None], depths, lambda: bar.update(1)
        )
        reconstructions = reconstruct(decoders, activations)
        artificial = class_outputs(CLASSES, params.background, device).expand(len(seeds), -1, -1)
        optimal = reconstruct(decoders, {len(layers): artificial})[:, 0]
    decided = outputs(layers, parameters, optimal).argmax(-1)
    accuracy = (activations[len(layers)].argmax(-1) == test_labels).double().mean(-1)
    parts = []
    for member, seed in enumerate(seeds):
        explained = explained_variance(test, reconstructions[member]).cpu()
        parts += [
            tidy(columns, seed=seed, quantity="accuracy", value=accuracy[member].item()),
            tidy(columns, seed=seed, quantity="explained_variance", layer=list(depths), value=explained),
            pictures(
                optimal[member], seed=seed, quantity="class_optimal", label=range(CLASSES), value=decided[member].cpu()
            ),
        ]
        for image in shown:
            here = {"seed": seed, "image": image, "label": params.shown_class}
            cascades = reconstructions[member, :, image]
            parts += [
                pictures(test[image][None], **here, quantity="input"),
                pictures(cascades, **here, quantity="reconstruction", layer=list(depths)),
            ]
            for depth in depths:
                units = activations[depth][member, image][None]
                parts.append(pictures(units, height=1, **here, quantity="activation", layer=depth))
    return pa.concat_tables(parts).unify_dictionaries()


def inputs(dataset: Dataset, part: str, at_most: int, resolution: int, device) -> tuple[Tensor, Tensor]:
    """Images (n, pixels) and labels (n,) of the ``train`` or ``test`` part."""
    images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
    chosen = subset(len(images), at_most, part)
    return grey_inputs(images[chosen], resolution, device), torch.tensor(labels[chosen], device=device)


def pictures(values: Tensor, height: int | None = None, **positions) -> pa.Table:
    """Rows with one grey picture each: values (n, pixels), square pictures unless ``height`` says otherwise."""
    height = height or math.isqrt(values.shape[1])
    shape = {"height": height, "width": values.shape[1] // height, "channels": 1}
    return tidy(columns, **positions, **shape, pixels=values.cpu().numpy())
