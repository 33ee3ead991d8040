"""Task ``channels``: what single channels of a VGG-style network tell of an image."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.checkpoints import Checkpoint, PartCheckpoint, Parts, no_checkpoint
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..entropies import explained_variance
from ..images import ColourImages, minibatches, require_images, require_labels, subset
from ..params import Channels
from ..pictures import picture_rows
from ..training import accuracy, chance
from ..vgg import VGG, Decoders, initialise, load_features, train_classifier, train_decoders

EVALUATED_AT_ONCE = 500  # test images whose classes are decided
EVALUATED_IMAGES = 100  # test images on which cascades from every layer are compared with the images
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's weights


def run(
    params: Channels,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """Train (or load) a network and decoders of its layers, and decode some of its channels one by one.

    Rows with a value: ``accuracy`` on the test images (not with loaded weights, whose classes are others) and
    ``test_images``, their number; ``explained_variance`` of test images by the cascade from each layer, in the colours
    that the network sees; ``decoder_error``, the last mean squared error of each decoder. Rows with ``pixels`` (row by
    row, colour fastest, in [0, 1]): ``input``; ``reconstruction`` from each ``layer``; ``channel``, the image decoded
    from one channel alone, stretched to [0, 1], with the channel's mean activation as value. A network that has
    diverged has an accuracy, that of guessing, and no pictures.

    ``checkpoint`` keeps where each training stands.
    """
    train, test, labels, test_labels = normalised_images(params, require_images(dataset), device)
    trainings, parts = Parts(checkpoint), []
    for seed in seeds:
        network = features_of(params, seed, labels, device)
        if labels is not None and test_labels is not None:
            order = minibatches(seed, "classifier", len(train), params.batch_size, params.steps).to(device)
            kept = PartCheckpoint(trainings, f"classifier {seed}")
            with progress(total=len(order), desc="classifier") as bar:
                train_classifier(network, train, labels, order, params.learning_rate, lambda: bar.update(1), kept)
            reached = accuracy(network, test, test_labels, EVALUATED_AT_ONCE).item()
            diverged = reached != reached
            value = [chance(labels) if diverged else reached, len(test)]
            parts.append(tidy(params.columns, seed=seed, quantity=["accuracy", "test_images"], value=value))
            if diverged:
                continue
        decoders = Decoders(params.layers)
        initialise(decoders, torch_stream(seed, "decoder weights"))
        decoders.to(device)
        order = minibatches(seed, "decoders", len(train), params.batch_size, params.decoder_steps).to(device)
        kept = PartCheckpoint(trainings, f"decoders {seed}")
        with progress(total=len(order), desc="decoders") as bar:
            errors = train_decoders(
                network, decoders, train, order, params.decoder_learning_rate, lambda: bar.update(1), kept
            )
        layer = range(1, len(params.layers) + 1)
        parts.append(tidy(params.columns, seed=seed, quantity="decoder_error", layer=layer, value=errors.cpu()))
        parts += decoded_rows(params, seed, network, decoders, test, test_labels)
    return pa.concat_tables(parts).unify_dictionaries()


def features_of(params: Channels, seed: int, labels: Tensor | None, device) -> VGG:
    """The network before its training, or with the weights that the user brings."""
    network = VGG(params.layers, params.resolution, None if labels is None else int(labels.max()) + 1)
    if params.weights:
        load_features(network, params.weights)
    else:
        initialise(network, torch_stream(seed, "initial weights"))
    return network.to(device)


def normalised_images(
    params: Channels, dataset: Dataset, device
) -> tuple[ColourImages, ColourImages, Tensor | None, Tensor | None]:
    """Training and test images and their labels (None where weights are loaded)."""
    kept = subset(len(dataset.train_images), params.train_images, "train")
    kept_test = subset(len(dataset.test_images), params.test_images, "test")
    pixels = torch.tensor(dataset.train_images[kept], device=device)
    if params.normalisation == "imagenet":
        mean, deviation = (torch.tensor(values, device=device) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    else:
        colours = pixels.expand(-1, -1, -1, 3).double() / 255
        mean, deviation = colours.mean((0, 1, 2)).float(), colours.std((0, 1, 2)).float()
    mean, deviation = mean[:, None, None], deviation[:, None, None]
    train = ColourImages(pixels, params.resolution, mean, deviation)
    pixels = torch.tensor(dataset.test_images[kept_test], device=device)
    test = ColourImages(pixels, params.resolution, mean, deviation)
    if params.weights:
        return train, test, None, None
    known = require_labels(dataset)
    labels, test_labels = (torch.tensor(part, device=device) for part in (known.train_labels, known.test_labels))
    return train, test, labels[kept], test_labels[kept_test]


def decoded_rows(
    params: Channels, seed: int, network: VGG, decoders: Decoders, test: ColourImages, labels: Tensor | None
) -> Iterator[pa.Table]:
    """The rows of cascades from every layer, for true activations and for single channels."""
    evaluated = test[: max(params.shown_images, EVALUATED_IMAGES)]
    activations = network.activations(evaluated)
    shown = range(params.shown_images)
    named = {"image": shown} if labels is None else {"image": shown, "label": labels[: len(shown)].cpu()}
    inputs = colours_last(test.restore(evaluated[: len(shown)]))
    yield picture_rows(params.columns, inputs, seed=seed, quantity="input", **named)
    for layer in range(1, len(params.layers) + 1):
        here = {"seed": seed, "layer": layer}
        cascades = decoders.cascade(activations[layer], layer)
        explained = explained_variance(evaluated.flatten(1), cascades.flatten(1)).item()
        yield tidy(params.columns, **here, quantity="explained_variance", value=explained)
        restored = colours_last(test.restore(cascades[: len(shown)]))
        yield picture_rows(params.columns, restored, **here, quantity="reconstruction", **named)
        for image in shown:
            activation = activations[layer][image]
            strength = activation.mean((1, 2))
            chosen = strength.argsort(descending=True, stable=True)[: params.strongest.get(layer, 0)].tolist()
            chosen += [channel for channel in params.channels.get(layer, []) if channel not in chosen]
            if chosen:
                decoded = colours_last(stretched(decoders.channel_images(activation, layer, chosen)))
                position = {"image": image, "channel": chosen, "value": strength[chosen].cpu()}
                yield picture_rows(params.columns, decoded, **here, quantity="channel", **position)


def stretched(pictures: Tensor) -> Tensor:
    """Each picture (n, 3, h, w) shifted and scaled to minimum 0 and maximum 1; a constant picture becomes 0."""
    low, high = pictures.amin((1, 2, 3), keepdim=True), pictures.amax((1, 2, 3), keepdim=True)
    return (pictures - low) / (high - low).clamp_min(torch.finfo(pictures.dtype).tiny)


def colours_last(pictures: Tensor) -> Tensor:
    """(n, 3, height, width) to (n, height, width, 3)."""
    return pictures.permute(0, 2, 3, 1)
