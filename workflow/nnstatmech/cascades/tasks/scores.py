"""Task ``scores``: what a network at initialisation says about its training, for the networks of ``trainability``."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from ...datasets import Dataset
from ...scores import score_model
from ...seeding import numpy_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..decoders.cascade import Method, fit_cascade, reconstruct
from ..decoders.ridge import Ridge, RidgeDecoder, channel_means, solve_ridge
from ..decoders.trained import Adam
from ..ensembles import networks_at_once
from ..entropies import coded_relative_entropy, differential_entropy, explained_variance, relative_entropy
from ..images import labelled_part
from ..modules import module_of
from ..networks import (
    Layer,
    LayerParameters,
    cnn_body,
    initial_network,
    initial_parameters,
    resnet_body,
    wide_body,
    wide_classifier,
)
from ..params import Classification, Scores
from ..precision import full_precision
from .classification import classifier
from .entropies import without_nan

MODULE_SCORES = ("gradient_ratio", "weight_gradient_ratio", "grad_norm", "ntk_condition")  # of nnstatmech.scores
CLASSES = 10


def run(
    params: Scores,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """One row per seed, depth, σ_w² and score, with the CPU ``seconds`` that a network's score took.

    Of cascades from the last hidden layer: ``differential_entropy``, ``explained_variance``, ``relative_entropy``
    (corrected) and ``relative_entropy_coded``, means over the test images; of ridge decoders, and of decoders trained
    by Adam on so many ``presentations``. ``linear_probe``: test accuracy of a ridge regression of the classes on the
    last hidden layer. Of :mod:`nnstatmech.scores`: ``gradient_ratio``, ``weight_gradient_ratio``, ``grad_norm``,
    ``ntk_condition``; null where they are undefined. Networks are those that the tasks ``trainability`` and
    ``classification`` train from the same seeds.
    """
    train, labels = inputs_of(params, dataset, "train", params.train_images, device)
    test, test_labels = inputs_of(params, dataset, "test", params.test_images, device)
    layers = body_of(params)
    members = [(seed, variance) for seed in seeds for variance in params.weight_variances]
    size = networks_at_once(params.network_bytes(), device)
    chunks = [members[start : start + size] for start in range(0, len(members), size)]
    tables = []
    with progress(total=len(members), desc=f"{params.architecture} scores") as bar, full_precision():
        for chunk in chunks:
            tables += cascade_rows(params, layers, chunk, (train, labels), (test, test_labels))
            bar.update(len(chunk))
    # On the CPU: they are networks of few units, one at a time.
    shown = test[0][: params.scored_images].cpu(), test_labels[: params.scored_images].cpu()
    with progress(total=len(members) * len(params.depths), desc="scores of modules") as bar:
        for seed, variance in members:
            for depth in params.depths:
                tables.append(module_rows(params, seed, variance, depth, *shown))
                bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries()


def body_of(params: Scores) -> list[Layer]:
    """The hidden layers of the deepest network; those of the others are its first ones."""
    depth = max(params.depths)
    match params.architecture:
        case "wide":
            return [*wide_body(params.resolution**2, depth)]
        case "cnn":
            return cnn_body(params.resolution, depth - 2, params.channels)
        case "resnet":
            return resnet_body(params.resolution, depth - 2, params.channels)


def inputs_of(
    params: Scores, dataset: Dataset | None, part: str, at_most: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What networks are scored on, (1, images, ...), and the labels (images,).

    White noise is uniform in [0, 1], as pixels are, and keeps the labels of the images in whose place it stands.
    """
    pixels, labels = labelled_part(dataset, part, at_most, params.resolution, device)
    order = numpy_stream(0, "order of images", part).permutation(len(pixels))
    pixels, labels = pixels[torch.as_tensor(order)], labels[torch.as_tensor(order)]
    if params.inputs == "noise":
        drawn = numpy_stream(0, "white noise", part).random(tuple(pixels.shape), dtype=np.float32)
        pixels = torch.as_tensor(drawn, device=device)
    if params.architecture != "wide":
        pixels = pixels.unflatten(1, (params.resolution, params.resolution, 1))
    return pixels.unsqueeze(0), labels


def cascade_rows(
    params: Scores,
    layers: Sequence[Layer],
    members: Sequence[tuple[int, float]],
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
) -> Iterator[pa.Table]:
    """Scores of some (seed, σ_w²) by cascades and the linear probe.

    The deepest network's cascade holds those of all others: a score of depth L is charged for L layers of it.
    """
    seeds, variances = zip(*members, strict=True)
    (images, labels), (shown, test_labels) = train, test

    def parameters(position: int) -> LayerParameters:
        return initial_parameters(layers[position], position, variances, params.bias_variance, seeds, images.device)

    probe = Probe(Ridge(params.ridge_strength), labels, params.depths)
    methods: dict[int | None, Method] = {None: probe}
    for number in params.presentations:
        methods[number] = Adam(seeds, number)
    rows = partial(score_rows, params, members)
    for presentations, method in methods.items():
        start = time.process_time()
        decoders, activations = fit_cascade(layers, parameters, method, images, shown, params.depths)
        reconstructions = reconstruct(decoders, activations).flatten(3)
        seconds = (time.process_time() - start) / len(members) / len(layers)
        pixels = shown[0].flatten(1)
        found = {
            "differential_entropy": differential_entropy(reconstructions),
            "explained_variance": explained_variance(pixels, reconstructions),
            "relative_entropy": relative_entropy(pixels, reconstructions).mean(-1),
            "relative_entropy_coded": coded_relative_entropy(pixels, reconstructions).mean(-1),
        }
        for quantity, values in found.items():
            yield rows(quantity, values.cpu().numpy(), seconds, presentations)
    accuracies = [probe.accuracy(depth, activations[depth], test_labels) for depth in sorted(params.depths)]
    yield rows("linear_probe", torch.stack(accuracies, 1).cpu().numpy(), np.nan, None)


def score_rows(
    params: Scores,
    members: Sequence[tuple[int, float]],
    quantity: str,
    values: np.ndarray,
    seconds_a_layer: float,
    presentations: int | None,
) -> pa.Table:
    """Rows of one score, (members, depths in increasing order)."""
    depths = np.array(sorted(params.depths))
    seeds, variances = (np.array(names)[:, None] for names in zip(*members, strict=True))
    place = {"seed": seeds, "weight_variance": variances, "depth": depths, "quantity": quantity, "value": values}
    if presentations is not None:
        place["presentations"] = presentations
    if np.isfinite(seconds_a_layer):
        place["seconds"] = seconds_a_layer * depths
    return tidy(params.columns, **place)


class Probe:
    """Fits decoders, and beside them a linear classifier on the activations of some depths.

    Parameters
    ----------
    method
        How decoders are fitted.
    labels
        Of the training images.
    depths
        Depths (1 = after the first layer) that get a classifier.
    """

    def __init__(self, method: Ridge, labels: Tensor, depths: Sequence[int]):
        self.method, self.labels, self.depths = method, labels, depths
        self.readouts: dict[int, Callable[[Tensor], Tensor]] = {}

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> RidgeDecoder:
        if position + 1 in self.depths:
            self.readouts[position + 1] = self.readout(outputs.flatten(2))
        return self.method.fit(layer, position, inputs, outputs)

    def readout(self, units: Tensor) -> Callable[[Tensor], Tensor]:
        """Ridge regression of the classes, as ±1, on ``units`` (E, images, n)."""
        centre = channel_means(units)
        features = (units - centre).double()
        targets = 2 * nn.functional.one_hot(self.labels, CLASSES).double() - 1
        gram, cross = (features.mT @ other / len(self.labels) for other in (features, targets - targets.mean(0)))
        weight, offset = solve_ridge(gram, cross, self.method.strength), targets.mean(0)
        return lambda x: (x.flatten(2) - centre).double() @ weight + offset

    def accuracy(self, depth: int, activations: Tensor, labels: Tensor) -> Tensor:
        """Share of test images that the classifier of ``depth`` decides rightly, (E,)."""
        return (self.readouts[depth](activations).argmax(-1) == labels).double().mean(-1)


def module_rows(params: Scores, seed: int, variance: float, depth: int, images: Tensor, labels: Tensor) -> pa.Table:
    """Scores of one network by :mod:`nnstatmech.scores`."""
    layers = trained_layers(params, depth)
    network = module_of(layers, initial_network(layers, [variance], params.bias_variance, [seed], images.device))
    shown = images if images.dim() == 2 else images.permute(0, 3, 1, 2)
    found = score_model(network, shown, labels, MODULE_SCORES)
    found = found[found["score"].isin(MODULE_SCORES)]
    place = {"seed": seed, "depth": depth, "weight_variance": variance, "quantity": found["score"].to_numpy()}
    return without_nan(
        tidy(params.columns, **place, value=found["value"].to_numpy(), seconds=found["seconds"].to_numpy())
    )


def trained_layers(params: Scores, depth: int) -> list[Layer]:
    """The network, readout included, that the tasks ``trainability`` and ``classification`` train."""
    if params.architecture == "wide":
        return [*wide_classifier(params.resolution**2, depth, CLASSES)]
    sizes = {name: getattr(params, name) for name in ("architecture", "resolution", "channels")}
    return classifier(Classification.model_validate(sizes | {"depth": depth}))
