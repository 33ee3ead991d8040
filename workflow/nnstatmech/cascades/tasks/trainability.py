"""Task ``trainability``: test accuracy after a few steps of training on a grid of weight variance and depth."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..images import grey_inputs, minibatches, require_labels, subset
from ..networks import initial_parameters
from ..params import Trainability as Params
from ..trainability import MomentumDescent, accuracies, wide_classifier

ENSEMBLE_BYTES = 4e9  # weights, velocities and activations of the networks that are trained at once

columns = pa.schema(
    [
        ("seed", pa.int32()),
        ("depth", pa.int32()),
        ("weight_variance", pa.float64()),
        ("step", pa.int32()),
        ("quantity", CATEGORY),
        ("value", pa.float64()),
    ]
)


def run(
    params: Params,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train networks of every depth and weight variance, those of one depth and seed together.

    Rows: ``accuracy`` on the test images after ``step`` updates; ``loss``, the mean cross-entropy of the minibatches
    since the last measurement; ``diverged_step``, the first measurement at which a network's outputs were not finite
    (its later accuracies and losses are left out).
    """
    require_labels(dataset)
    images, labels = grey_inputs(dataset.train_images, params.resolution), torch.tensor(dataset.train_labels)
    chosen = subset(len(dataset.test_images), params.test_images, "test")
    test = grey_inputs(dataset.test_images[chosen], params.resolution, device)
    test_labels = torch.tensor(dataset.test_labels[chosen], device=device)
    parts = []
    with progress(total=len(seeds) * sum(params.depths) * params.steps, desc="trainability") as bar:
        for seed in seeds:
            order = minibatches(seed, "trainability", len(images), params.batch_size, params.steps)
            for depth in params.depths:
                bar.set_postfix_str(f"seed {seed}, depth {depth}")
                for variances in chunks(params, depth):
                    batches = ((images[batch].to(device), labels[batch].to(device)) for batch in order)
                    curves = train(params, seed, depth, variances, batches, test, test_labels, device)
                    parts += rows(params, seed, depth, variances, curves)
                bar.update(depth * params.steps)
    return pa.concat_tables(parts).unify_dictionaries()


def chunks(params: Params, depth: int) -> Iterator[list[float]]:
    """The weight variances that fit into memory together."""
    units = params.resolution**2
    network = 4 * depth * units * (2 * units + params.batch_size)
    size = max(1, int(ENSEMBLE_BYTES // network))
    for start in range(0, len(params.weight_variances), size):
        yield params.weight_variances[start : start + size]


def train(params: Params, seed: int, depth: int, variances, batches, test, test_labels, device):
    """Losses and accuracies (measurements, len(variances)) of one seed's networks, NaN once they have diverged."""
    layers = wide_classifier(params.resolution**2, depth)
    members = len(variances)
    parameters = [
        initial_parameters(layer, position, variances, params.bias_variance, [seed] * members, device)[0]
        for position, layer in enumerate(layers)
    ]
    descent = MomentumDescent(layers, parameters, params.learning_rate, params.momentum)
    losses, measured = [], []
    for step, (x, label) in enumerate(batches, 1):
        losses.append(descent.step(x.expand(members, -1, -1), label.expand(members, -1)))
        if step % params.measure_every == 0:
            loss = torch.stack(losses).double().mean(0)
            measured.append((loss, accuracies(layers, parameters, test, test_labels)))
            losses = []
    loss, accuracy = (torch.stack(values).cpu().numpy() for values in zip(*measured, strict=True))
    diverged = np.logical_or.accumulate(~np.isfinite(loss) | ~np.isfinite(accuracy), axis=0)
    return np.where(diverged, np.nan, loss), np.where(diverged, np.nan, accuracy)


def rows(params: Params, seed: int, depth: int, variances: Sequence[float], curves) -> list[pa.Table]:
    """The table's rows for the learning curves of one batch of networks."""
    loss, accuracy = curves
    steps = params.measure_every * np.arange(1, len(loss) + 1)
    here = {"seed": seed, "depth": depth}
    kept = np.isfinite(accuracy)
    step, member = np.nonzero(kept)
    position = here | {"step": steps[step], "weight_variance": np.asarray(variances)[member]}
    parts = [
        tidy(columns, **position, quantity=quantity, value=value[kept])
        for quantity, value in (("accuracy", accuracy), ("loss", loss))
    ]
    lost = np.flatnonzero(~kept[-1])
    first = steps[(~kept[:, lost]).argmax(0)] if len(lost) else steps[:0]
    diverged = here | {"weight_variance": np.asarray(variances)[lost]}
    return [*parts, tidy(columns, **diverged, step=first, quantity="diverged_step", value=first)]
