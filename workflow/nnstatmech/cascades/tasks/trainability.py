"""Task ``trainability``: test accuracy after a few steps of training on a grid of weight variance and depth."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..images import grey_inputs, labelled_part, minibatches, require_labels
from ..networks import forward, initial_network, wide_classifier
from ..params import Trainability
from ..training import MomentumDescent, accuracy, chance, train

ENSEMBLE_BYTES = 4e9  # weights, velocities and activations of the networks that are trained at once
EVALUATED_AT_ONCE = 512  # test images


def run(
    params: Trainability,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train networks of every depth and weight variance, those of one depth and seed together.

    Rows: ``accuracy`` on the test images after ``step`` updates; ``loss``, the mean cross-entropy of the minibatches
    since the last measurement; ``diverged_step``, the first measurement at which a network's outputs were not finite.
    From there on it has no loss, and its accuracy is that of guessing.
    """
    known = require_labels(dataset)
    images, labels = grey_inputs(known.train_images, params.resolution), torch.tensor(known.train_labels)
    test = labelled_part(known, "test", params.test_images, params.resolution, device)
    parts = []
    with progress(total=len(seeds) * sum(params.depths) * params.steps, desc="trainability") as bar:
        for seed in seeds:
            order = minibatches(seed, "trainability", len(images), params.batch_size, params.steps)
            for depth in params.depths:
                bar.set_postfix_str(f"seed {seed}, depth {depth}")
                for variances in variances_at_once(params, depth):
                    curves = learning_curves(params, seed, depth, variances, images, labels, order, test, device)
                    parts += curve_rows(params, seed, depth, variances, *curves)
                bar.update(depth * params.steps)
    return pa.concat_tables(parts).unify_dictionaries()


def variances_at_once(params: Trainability, depth: int) -> Iterator[list[float]]:
    """The weight variances that fit into memory together."""
    units = params.resolution**2
    network = 4 * depth * units * (2 * units + params.batch_size)
    size = max(1, int(ENSEMBLE_BYTES // network))
    for start in range(0, len(params.weight_variances), size):
        yield params.weight_variances[start : start + size]


def learning_curves(
    params: Trainability,
    seed: int,
    depth: int,
    variances: Sequence[float],
    images: Tensor,
    labels: Tensor,
    order: Tensor,
    test: tuple[Tensor, Tensor],
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and accuracies (measurements, len(variances)) of one seed's networks; NaN and chance once they diverge.

    Parameters
    ----------
    images, labels
        Training images (n, pixels), which may stay in the computer's memory while ``device`` is a GPU.
    order
        Which of them each step sees, (steps, batch).
    test
        Test images and labels.
    """
    layers, members = wide_classifier(params.resolution**2, depth), len(variances)
    parameters = initial_network(layers, variances, params.bias_variance, [seed] * members, device)
    descent = MomentumDescent(layers, parameters, params.learning_rate, params.momentum)
    losses, accuracies = [], []
    for steps in order.split(params.measure_every):
        batches = (
            (images[batch].to(device).expand(members, -1, -1), labels[batch].to(device).expand(members, -1))
            for batch in steps
        )
        losses.append(torch.stack(train(descent, batches)).double().mean(0))
        accuracies.append(accuracy(lambda x: forward(layers, parameters, x[None]), *test, EVALUATED_AT_ONCE))
    loss, found = torch.stack(losses).cpu().numpy(), torch.stack(accuracies).cpu().numpy()
    diverged = np.logical_or.accumulate(~np.isfinite(loss) | ~np.isfinite(found), axis=0)
    return np.where(diverged, np.nan, loss), np.where(diverged, chance(labels), found)


def curve_rows(
    params: Trainability, seed: int, depth: int, variances: Sequence[float], loss: np.ndarray, accuracies: np.ndarray
) -> list[pa.Table]:
    """The table's rows for the learning curves of networks that were trained together."""
    steps = params.measure_every * np.arange(1, len(loss) + 1)
    here = {"seed": seed, "depth": depth}
    kept = np.isfinite(loss)
    step, member = np.nonzero(kept)
    reached = {"step": steps[:, None], "weight_variance": variances, "quantity": "accuracy", "value": accuracies}
    learnt = {"step": steps[step], "weight_variance": np.asarray(variances)[member], "value": loss[kept]}
    parts = [tidy(params.columns, **here, **reached), tidy(params.columns, **here, quantity="loss", **learnt)]
    lost = np.flatnonzero(~kept[-1])
    first = steps[(~kept[:, lost]).argmax(0)] if len(lost) else steps[:0]
    diverged = here | {"weight_variance": np.asarray(variances)[lost]}
    return [*parts, tidy(params.columns, **diverged, step=first, quantity="diverged_step", value=first)]
