"""Task ``reconstruction``: what cascades make of a trained network's activations, true and artificial."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..class_optimal import class_outputs, train_to_signs
from ..decoders.cascade import fit_cascade, reconstruct
from ..decoders.trained import Adam
from ..entropies import explained_variance
from ..images import labelled_part, minibatches
from ..networks import Dense, LayerParameters, forward, initial_network, shrinking_mlp, wide_mlp
from ..params import Reconstruction
from ..pictures import picture_rows
from ..precision import full_precision
from ..training import chance, hits

ARCHITECTURES = {"shrinking": shrinking_mlp, "wide": wide_mlp}
CLASSES = 10


def run(
    params: Reconstruction,
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
    A network that has diverged has no row but its accuracy, that of guessing.
    """
    images, labels = labelled_part(dataset, "train", params.train_images, params.resolution, device)
    test, test_labels = labelled_part(dataset, "test", params.test_images, params.resolution, device)
    shown = torch.nonzero(test_labels == params.shown_class)[: params.shown_images, 0].tolist()
    if not shown:
        raise ValueError(f"shown_class = {params.shown_class}: none of the {len(test)} test images has this label")
    layers = ARCHITECTURES[params.architecture](params.resolution**2, params.depth, classes=CLASSES)
    parameters = trained_networks(params, layers, seeds, images, labels, progress)
    method = Adam(tuple(seeds), params.decoder_presentations, params.batch_size, params.learning_rate)
    with progress(total=len(layers), desc="decoders") as bar, full_precision():
        decoders, activations = fit_cascade(
            layers,
            parameters.__getitem__,
            method,
            images[None],
            test[None],
            range(1, len(layers) + 1),
            lambda: bar.update(1),
        )
        reconstructions = reconstruct(decoders, activations)
        optimal = class_optimal_images(decoders, params.background, len(seeds), device)
    accuracies = hits(activations[len(layers)], test_labels) / len(test_labels)
    decided = forward(layers, parameters, optimal).argmax(-1)
    parts = []
    for member, seed in enumerate(seeds):
        diverged = bool(accuracies[member].isnan())
        reached = chance(labels) if diverged else accuracies[member].item()
        parts.append(tidy(params.columns, seed=seed, quantity="accuracy", value=reached))
        if diverged:
            continue
        own = {depth: units[member] for depth, units in activations.items()}
        parts.append(explained_rows(params, seed, test, reconstructions[member]))
        parts.append(class_optimal_rows(params, seed, optimal[member], decided[member]))
        parts += shown_rows(params, seed, shown, test, reconstructions[member], own)
    return pa.concat_tables(parts).unify_dictionaries()


def trained_networks(
    params: Reconstruction, layers: Sequence[Dense], seeds: Sequence[int], images: Tensor, labels: Tensor, progress
) -> Sequence[LayerParameters]:
    """Parameters, layer by layer, of one network a seed after training to outputs of ±1."""
    device = images.device
    parameters = initial_network(
        layers, [params.weight_variance] * len(seeds), params.bias_variance, seeds, device=device
    )
    steps = -(-params.presentations // params.batch_size)
    order = [minibatches(seed, "classifier", len(images), params.batch_size, steps) for seed in seeds]
    batches = torch.stack(order, dim=1).to(device)
    with progress(total=steps, desc="classifier") as bar:
        train_to_signs(layers, parameters, images, labels, batches, params.learning_rate, lambda: bar.update(1))
    return parameters


def class_optimal_images(
    decoders: Sequence[Callable[[Tensor], Tensor]], background: float, networks: int, device
) -> Tensor:
    """What the cascades make of the artificial output of each class, (E, classes, pixels)."""
    artificial = class_outputs(CLASSES, background, device).expand(networks, -1, -1)
    return reconstruct(decoders, {len(decoders): artificial})[:, 0]


def explained_rows(params: Reconstruction, seed: int, test: Tensor, reconstructions: Tensor) -> pa.Table:
    """The explained variance of the cascade from each layer."""
    explained = explained_variance(test, reconstructions).cpu()
    layers = range(1, len(explained) + 1)
    return tidy(params.columns, seed=seed, quantity="explained_variance", layer=layers, value=explained)


def class_optimal_rows(params: Reconstruction, seed: int, optimal: Tensor, decided: Tensor) -> pa.Table:
    """The image decoded for each class, and the class that the network gives it."""
    position = {"seed": seed, "quantity": "class_optimal", "label": range(CLASSES), "value": decided.cpu()}
    return picture_rows(params.columns, squares(optimal, params.resolution), **position)


def shown_rows(
    params: Reconstruction,
    seed: int,
    shown: Sequence[int],
    test: Tensor,
    reconstructions: Tensor,
    activations: Mapping[int, Tensor],
) -> Iterator[pa.Table]:
    """Input, reconstructions from each layer, and activations of one network for the images that are shown.

    Parameters
    ----------
    test, reconstructions
        Images (T, pixels) and what the cascade from each layer makes of them, (layers, T, pixels).
    activations
        Layer to activations (T, units).
    """
    layers = range(1, len(reconstructions) + 1)
    for image in shown:
        here = {"seed": seed, "image": image, "label": params.shown_class}
        yield picture_rows(params.columns, squares(test[image][None], params.resolution), **here, quantity="input")
        cascades = squares(reconstructions[:, image], params.resolution)
        yield picture_rows(params.columns, cascades, **here, quantity="reconstruction", layer=layers)
        for layer in layers:
            units = activations[layer][image][None, None, :, None]
            yield picture_rows(params.columns, units, **here, quantity="activation", layer=layer)


def squares(images: Tensor, resolution: int) -> Tensor:
    """Rows of pixels (n, pixels) as grey pictures (n, height, width, 1)."""
    return images.unflatten(1, (resolution, resolution)).unsqueeze(-1)
