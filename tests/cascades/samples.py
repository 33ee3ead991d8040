"""What tests of several modules share: layers, data sets, and tables made by hand."""

import numpy as np
import pandas as pd
import torch

from nnstatmech.cascades.images import ColourImages
from nnstatmech.cascades.networks import (
    Convolution,
    Dense,
    ResidualBlock,
    initial_parameters,
)
from nnstatmech.cascades.vgg import VGG, Decoders, initialise
from nnstatmech.datasets import Dataset
from nnstatmech.seeding import torch_stream
from nnstatmech.theory.mean_field import MeanField

CPU = torch.device("cpu")
LAYERS = [
    Dense(20, 12),
    Convolution(6, 2, 3),
    Convolution(6, 2, 3, stride=2),
    Convolution(7, 2, 3, stride=2),
    Convolution(6, 3, 3, padding="periodic"),
    Convolution(6, 3, 4, padding="none"),
    ResidualBlock(5, 3),
]


def activations(layer, images=64, variances=(0.8, 2.0), seeds=(0, 1)):
    generator = torch.Generator().manual_seed(0)
    inputs = 0.7 * torch.randn(len(seeds), images, *layer.in_shape, generator=generator).tanh()
    return inputs, layer(initial_parameters(layer, 0, variances, 0.05, seeds), inputs)


def labelled_blobs(name="mnist", side=6, train=300, test=200, noise=40, colours=1) -> Dataset:
    """Ten classes of images, each a fixed random pattern and noise: easy to learn."""
    stream = np.random.default_rng(5)
    patterns = stream.integers(40, 216, size=(10, side, side, colours))
    labels = np.arange(train + test) % 10
    images = patterns[labels] + stream.normal(0, noise, size=(train + test, side, side, colours))
    images = images.clip(0, 255).astype(np.uint8)
    return Dataset(name, images[:train], labels[:train], images[train:], labels[train:], "patterns", True)


VGG_LAYERS = [4, 5, "M", 6, "M"]


def coloured_blobs(side=8, train=200, test=100, colours=3) -> Dataset:
    """Ten classes of images, each a fixed random pattern and noise."""
    stream = np.random.default_rng(6)
    patterns = stream.integers(40, 216, size=(10, side, side, colours))
    labels = np.arange(train + test) % 10
    images = patterns[labels] + stream.normal(0, 30, size=(train + test, side, side, colours))
    images = images.clip(0, 255).astype(np.uint8)
    return Dataset("cifar10", images[:train], labels[:train], images[train:], labels[train:], "patterns", True)


def network_and_decoders(layers=VGG_LAYERS, resolution=8):
    network, decoders = VGG(layers, resolution, 10), Decoders(layers)
    initialise(network, torch_stream(0, "network"))
    initialise(decoders, torch_stream(0, "decoders"))
    return network, decoders


def colour_images(dataset):
    mean, deviation = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)
    return ColourImages(torch.tensor(dataset.train_images), 8, mean, deviation)


def torchvision_state(layers, positions):
    """A random state dict named and shaped like torchvision's."""
    state, before = {}, 3
    for position, width in zip(positions, [layer for layer in layers if layer != "M"], strict=True):
        state[f"features.{position}.weight"] = torch.randn(width, before, 3, 3)
        state[f"features.{position}.bias"] = torch.randn(width)
        before = width
    return state | {"classifier.0.weight": torch.randn(7, 9), "classifier.6.bias": torch.randn(1000)}


def small_table(rows, runs=("single",), **parameters) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    if "run" not in frame:
        frame.insert(0, "run", "single")
    frame.attrs["runs"] = dict.fromkeys(runs, parameters)
    return frame


def accuracy_grid() -> pd.DataFrame:
    """Networks train exactly up to 6 ξ_c deep on the ordered side, and to depth 20 on the other."""
    rows = []
    for seed in (0, 1):
        for variance in np.arange(0.5, 4.01, 0.5):
            capacity = 6 * MeanField(variance, 0.05).correlation_depth if variance < 1.76 else 20
            for depth in (5, 20, 40, 60):
                for step, final in ((10, 0.1), (20, 0.8 + 0.1 * seed if depth <= capacity else 0.1 + 0.02 * seed)):
                    position = {"seed": seed, "weight_variance": variance, "depth": depth, "step": step}
                    rows.append(position | {"quantity": "accuracy", "value": final})
    return small_table(rows, bias_variance=0.05, resolution=6)


def cascades_of_networks() -> pd.DataFrame:
    rows = []
    for variance in (0.5, 1.5, 2.5):
        for depth in (1, 30, 60):
            position = {"seed": 0, "weight_variance": variance, "depth": depth}
            rows.append(position | {"quantity": "differential_entropy", "value": -5.0 - depth / 10})
        cutoff = {"seed": 0, "weight_variance": variance, "quantity": "cutoff_explained_variance"}
        rows.append(cutoff | {"value": 12.0 if variance < 2 else None})
    return small_table(rows, bias_variance=0.05, decoder="ridge", ridge_strength=1e-3, resolution=8)


def shrinking_cascades() -> pd.DataFrame:
    """Networks of 10, 20 and 30 sizes, whose outputs explain 0.4, 0.2 and nothing; at 2.5 all of them 0.4."""
    rows, runs = [], {}
    for sizes, explained in ((10, 0.4), (20, 0.2), (30, 0.0)):
        run = f"network={sizes}"
        runs[run] = {"depth": sizes - 1, "decoder": "ridge", "ridge_strength": 1e-3, "bias_variance": 0.05}
        for variance in (0.5, 1.5, 2.5):
            here = {"run": run, "seed": 0, "weight_variance": variance, "quantity": "explained_variance"}
            last = explained if variance < 2 else 0.4
            rows += [here | {"depth": 1, "value": 0.9}, here | {"depth": sizes - 1, "value": last}]
    table = pd.DataFrame(rows)
    table.attrs["runs"] = runs
    return table


def walks() -> pd.DataFrame:
    rows = []
    for direction, sign in (("falling", -1), ("rising", 1)):
        attempts = [
            (1.7, 30, 0),
            (1.7, 25, 1),
            (1.7 + 0.3 * sign, 25, 0),
            (1.7 + 0.3 * sign, 20, 1),
            (1.7 + 0.6 * sign, 20, 1),
        ]
        for attempt, (variance, depth, trained) in enumerate(attempts):
            position = {"run": f"direction={direction}", "direction": direction, "seed": 0, "attempt": attempt}
            position |= {"weight_variance": round(variance, 9), "depth": depth}
            for quantity, value in (("accuracy", 0.2 + 0.2 * trained), ("trained", trained), ("epochs", 3)):
                rows.append(position | {"quantity": quantity, "value": value})
        of_seed = {"run": f"direction={direction}", "direction": direction, "seed": 0}
        rows.append(of_seed | {"quantity": "threshold", "value": 0.35})
        rows.append(of_seed | {"quantity": "linear_accuracy", "value": 0.3})
    runs = ("direction=falling", "direction=rising")
    return small_table(rows, runs, bias_variance=0.05, variance_step=0.3, start_depth=30)


def pictures_row(height, width, channels, **position) -> dict:
    pixels = np.linspace(-0.2, 1.2, height * width * channels).astype(np.float32)
    return position | {"pixels": pixels, "height": height, "width": width, "channels": channels}


def rates_table(values) -> pd.DataFrame:
    """``values``: rate to weight variance to, seed by seed, (training loss, test accuracy)."""
    rows = [
        {"run": f"rate={rate}", "seed": seed, "weight_variance": variance, "step": 9, "quantity": name, "value": value}
        for rate, grid in values.items()
        for variance, networks in grid.items()
        for seed, own in enumerate(networks)
        for name, value in zip(("loss", "accuracy"), own, strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame.attrs["runs"] = {f"rate={rate}": {"learning_rate": rate} for rate in values}
    return frame


def reconstructions(missed=()) -> pd.DataFrame:
    rows = [{"seed": 0, "quantity": "accuracy", "value": 0.93}]
    for label in range(10):
        value = (label + 1) % 10 if label in missed else label
        rows.append(pictures_row(4, 4, 1, seed=0, quantity="class_optimal", label=label, value=value))
    for image in (3, 8):
        rows.append(pictures_row(4, 4, 1, seed=0, quantity="input", image=image, label=5))
        for layer, units in ((1, 16), (2, 12), (3, 10)):
            here = {"seed": 0, "image": image, "layer": layer}
            rows.append(pictures_row(4, 4, 1, **here, quantity="reconstruction"))
            rows.append(pictures_row(1, units, 1, **here, quantity="activation"))
    return small_table(rows, background=-1.0)


def channel_pictures() -> pd.DataFrame:
    rows = [{"seed": 0, "quantity": "accuracy", "value": 0.61}, {"seed": 0, "quantity": "test_images", "value": 2000}]
    for image in (0, 1):
        rows.append(pictures_row(4, 4, 3, seed=0, quantity="input", image=image))
        for layer in (1, 2, 3):
            rows.append(pictures_row(4, 4, 3, seed=0, quantity="reconstruction", image=image, layer=layer))
        for layer, count in ((1, 3), (3, 20)):
            for channel in range(count):
                position = {"seed": 0, "quantity": "channel", "image": image, "layer": layer, "channel": channel}
                rows.append(pictures_row(4, 4, 3, **position, value=float(channel)))
    return small_table(rows, layers=[4, "M", 20])


def task_table(task, parameters, dataset, seeds=(0, 1), *, case="case", **cases) -> pd.DataFrame:
    """The table of an experiment, as the workflow hands it over, with a run for each of ``cases``.

    Parameters
    ----------
    task, parameters
        The task's module and the class of its parameters.
    cases
        Name of a run to its parameters; the axis of the sweep is called ``case``.
    """
    parts, runs, shards = [], {}, []
    for name, settings in cases.items():
        params = parameters(**settings)
        run = f"{case}={name}"
        frame = task.run(params, list(seeds), dataset, CPU).to_pandas()
        frame.insert(0, "experiment", "small")
        frame.insert(1, "run", run)
        frame.insert(2, case, name)
        parts.append(frame)
        runs[run] = params.model_dump(mode="json") | {"dataset": dataset.name}
        shards.append({"experiment": "small", "run": run, "seeds": list(seeds)})
    table = pd.concat(parts, ignore_index=True).astype({"experiment": "category", "run": "category", case: "category"})
    table.attrs = {"runs": runs, "shards": shards}
    return table


def together(*tables) -> pd.DataFrame:
    """One table of several of :func:`task_table`, of other data sets for instance, whose runs have other names."""
    table = pd.concat(tables, ignore_index=True)
    categories = [name for name in table if any(isinstance(one[name].dtype, pd.CategoricalDtype) for one in tables)]
    table = table.astype(dict.fromkeys(categories, "category"))
    table.attrs = {
        "runs": {run: params for one in tables for run, params in one.attrs["runs"].items()},
        "shards": [shard for one in tables for shard in one.attrs["shards"]],
    }
    return table
