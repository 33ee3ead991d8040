"""Task ``neural_tangent``: one digit fitted to its value, two digits told apart, predictors of wide networks."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..digits import MiniBatches, input_vectors, labels_of, require, step_size
from ..neural_tangent import BiasedNetwork, constant_feature, least_squares_outputs, linearised_outputs
from ..params import NeuralTangent
from ..posterior import Posterior
from ..sampling import LinearNetworks, Streams, compressed, gradient_descent, learning_rate

OUTPUTS = np.linspace(-3.0, 3.0, 601)
"""Outputs at which predictive densities are tabulated."""

NOISELESS = 1e8
"""Inverse temperature of the exact posterior that stands for zero temperature."""


def run(
    params: NeuralTangent, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """Both tasks for all ``seeds``.

    Rows of task ``digit``: ``outputs`` of each trained network on training and test images of the digit as a
    profile, with their mean as value, and ``outputs_deviation``; without a seed, ``constant_fit`` and
    ``pixel_fit``, the outputs of the least-squares fits with the wide network's constant feature and without.

    Rows of task ``pair``, by ``hidden_width``: for each network ``outputs`` after training and
    ``linearised`` outputs on the test images as profiles, ``distance``, the root mean square of their
    difference, the ``steps`` made and ``converged`` (1 or 0); without a seed, over the test images,
    ``exact_mean`` and ``exact_deviation`` of the noiseless posterior, and the density ``exact_density`` of one
    of them at ``output_grid``; the same with ``process`` for infinite width (no ``hidden_width``);
    ``targets`` -1 and +1.
    """
    dataset = require(dataset)
    return pa.concat_tables(
        [
            *one_digit(params, seeds, dataset, device, progress),
            *two_digits(params, seeds, dataset, device, progress),
        ]
    )


def one_digit(
    params: NeuralTangent, seeds: Sequence[int], dataset: Dataset, device: torch.device, progress
) -> list[pa.Table]:
    """Train on the images of one digit, all with the same target."""
    train_labels, test_labels = labels_of(dataset)
    x = input_vectors(dataset.train_images[train_labels == params.digit], device)
    splits = {"train": x, "test": input_vectors(dataset.test_images[test_labels == params.digit], device)}
    network = BiasedNetwork.draw(x.shape[1], params.width, seeds, device)
    orders = [torch_stream(seed, "neural_tangent", "order") for seed in seeds]
    batches = MiniBatches(len(x), params.batch_size, orders)
    epochs = batches.epochs_of(params.epochs, params.least_steps)
    rate = step_size(params.learning_rate, params.learning_rate_unit, x)
    with progress(total=epochs, desc="epochs, one digit") as bar:
        for _ in range(epochs):
            for _ in range(batches.steps_per_epoch):
                batch = batches.next().to(device)
                network.descend(x[batch], params.digit, rate)
            bar.update(1)
    tables = []
    targets = torch.full((len(x),), float(params.digit))
    for split, images in splits.items():
        shared = {"task": "digit", "split": split}
        outputs = network(images[None]).double().cpu().numpy()
        fine = np.isfinite(outputs).all(1)
        tables.append(
            tidy(NeuralTangent.columns, seed=np.asarray(seeds), **shared, quantity="diverged", value=1.0 - fine)
        )
        rows = {"seed": np.asarray(seeds)[fine], **shared}
        mean, deviation = outputs[fine].mean(1), outputs[fine].std(1)
        tables.append(tidy(NeuralTangent.columns, **rows, quantity="outputs", value=mean, profile=outputs[fine]))
        tables.append(tidy(NeuralTangent.columns, **rows, quantity="outputs_deviation", value=deviation))
        feature = constant_feature(x.shape[1], params.width)
        for name, constant in (("constant_fit", feature), ("pixel_fit", 0.0)):
            fit = least_squares_outputs(x.cpu(), targets, images.cpu(), constant).numpy()
            tables.append(
                tidy(NeuralTangent.columns, **shared, quantity=name, value=fit[None].mean(1), profile=fit[None])
            )
    return tables


def two_digits(
    params: NeuralTangent, seeds: Sequence[int], dataset: Dataset, device: torch.device, progress
) -> list[pa.Table]:
    """Train networks of several widths to tell two digits apart, from draws of the prior."""
    train_labels, test_labels = labels_of(dataset)
    x, y = pair_of_digits(dataset.train_images, train_labels, params.pair, params.pair_images)
    at, known = pair_of_digits(dataset.test_images, test_labels, params.pair, params.test_images)
    # Lengths in units of the training images' root mean square, so that a prior of unit weights has unit outputs;
    # coordinates in the space that all images span, which changes nothing for Gaussian weights.
    scale = x.square().sum(1).mean().sqrt()
    coordinates = np.linalg.qr(torch.cat([x, at]).double().numpy().T / scale.item()).R.T
    x, at, y = coordinates[: len(x)], coordinates[len(x) :], y.double().numpy()
    tables = [tidy(NeuralTangent.columns, task="pair", split="test", quantity="targets", profile=known[None].numpy())]
    with progress(total=len(params.widths), desc="widths, two digits") as bar:
        for width in params.widths:
            tables += trained_pair(params, seeds, width, x, y, at, device)
            tables += exact_pair(params, width, x, y, at)
            bar.update(1)
    return tables + process_pair(params, x, y, at)


def pair_of_digits(images: np.ndarray, labels: np.ndarray, pair: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
    """The first images of two digits, half of ``count`` each (fewer where there are not so many), and -1 or +1."""
    chosen = [np.flatnonzero(labels == digit)[: count // 2] for digit in pair]
    x = input_vectors(images[np.concatenate(chosen)])
    return x, torch.tensor(np.repeat([-1.0, 1.0], [len(part) for part in chosen]), dtype=torch.float32)


def trained_pair(
    params: NeuralTangent,
    seeds: Sequence[int],
    width: int,
    x: np.ndarray,
    y: np.ndarray,
    at: np.ndarray,
    device: torch.device,
) -> list[pa.Table]:
    """Trained and linearised outputs of all networks of one width, from draws of the prior."""
    networks = LinearNetworks(x, y, [width], [1.0, (params.weight_variance / width) ** 0.5], device)
    drawn = networks.draw(Streams(seeds, params.networks, f"neural_tangent/{width}", device))
    physical = [sigma * weight for sigma, weight in zip(networks.sigmas, drawn, strict=True)]
    shown = torch.as_tensor(at, device=device)
    linearised = linearised_outputs(physical, networks.images, networks.targets, shown)
    rate = learning_rate(networks)
    trained = gradient_descent(
        networks, compressed(drawn), rate, tolerance=params.tolerance, max_steps=params.max_steps
    )
    outputs = torch.stack([networks.outputs(trained.weights, image) for image in at], dim=1).double()
    values = {
        "distance": (outputs - linearised).square().mean(1).sqrt(),
        "steps": torch.where(trained.step < 0, params.max_steps, trained.step),
        "converged": (trained.step >= 0).double(),
    }
    shared = {
        "seed": np.repeat(seeds, params.networks),
        "network": np.tile(np.arange(params.networks), len(seeds)),
        "task": "pair",
        "split": "test",
        "hidden_width": width,
    }
    profiles = {"outputs": outputs, "linearised": linearised}
    return [
        *(
            tidy(NeuralTangent.columns, **shared, quantity=name, value=value.cpu().numpy())
            for name, value in values.items()
        ),
        *(
            tidy(NeuralTangent.columns, **shared, quantity=name, profile=value.cpu().numpy())
            for name, value in profiles.items()
        ),
    ]


def exact_pair(params: NeuralTangent, width: int, x: np.ndarray, y: np.ndarray, at: np.ndarray) -> list[pa.Table]:
    """The exact posterior of one width without noise."""
    posterior = Posterior(x, y, [width], [1.0, (params.weight_variance / width) ** 0.5])
    return predictive_rows("exact", [posterior.predictive(NOISELESS, image) for image in at], params.shown, width)


def process_pair(params: NeuralTangent, x: np.ndarray, y: np.ndarray, at: np.ndarray) -> list[pa.Table]:
    """The Gaussian process of infinite width without noise."""
    posterior = Posterior(x, y, [1], [1.0, params.weight_variance**0.5])
    return predictive_rows("process", [posterior.wide_predictive(NOISELESS, image) for image in at], params.shown, None)


def predictive_rows(name: str, laws: list, shown: int, width: int | None) -> list[pa.Table]:
    """Means and deviations over the test images, and the density of one of them."""
    shown = min(shown, len(laws) - 1)
    profiles = {
        f"{name}_mean": [law.mean for law in laws],
        f"{name}_deviation": [law.variance**0.5 for law in laws],
        f"{name}_density": laws[shown].pdf(OUTPUTS),
        "output_grid": OUTPUTS,
    }
    given = {} if width is None else {"hidden_width": width}
    return [
        tidy(
            NeuralTangent.columns, task="pair", split="test", **given, quantity=quantity, profile=[np.asarray(profile)]
        )
        for quantity, profile in profiles.items()
    ]
