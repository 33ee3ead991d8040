"""Task ``trainability``: test accuracy after a few steps of training on a grid of weight variance and depth."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.checkpoints import Checkpoint, no_checkpoint, resumed
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..ensembles import networks_at_once
from ..images import Batches, labelled_part
from ..networks import forward, initial_network, wide_classifier
from ..params import Trainability
from ..training import MomentumDescent, accuracy, chance, train

EVALUATED_AT_ONCE = 512  # test images
EVERY_IMAGE = 2**62


def run(
    params: Trainability,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """Train networks of every depth and weight variance, those of one depth together.

    Rows: ``accuracy`` on the test images after ``step`` updates; ``loss``, the mean cross-entropy of the minibatches
    since the last measurement; ``diverged_step``, the first measurement at which a network's outputs were not finite.
    From there on it has no loss, and its accuracy is that of guessing.

    ``checkpoint`` keeps the learning curves of the networks that have been trained.
    """
    # All training images, on the device: a minibatch is then taken there, without a copy that waits for it.
    shown = labelled_part(dataset, "train", EVERY_IMAGE, params.resolution, device)
    test = labelled_part(dataset, "test", params.test_images, params.resolution, device)
    groups = groups_of_networks(params, seeds, device)
    parts = []
    with progress(
        total=params.steps * sum(depth * len(members) for depth, members in groups), desc="trainability"
    ) as bar:
        trained = [partial(learning_curves, params, depth, members, shown, test) for depth, members in groups]
        for (depth, members), curves in zip(groups, resumed(trained, checkpoint), strict=True):
            bar.set_postfix_str(f"depth {depth}, {len(members)} networks")
            parts += curve_rows(params, depth, members, *curves)
            bar.update(len(members) * depth * params.steps)
    return pa.concat_tables(parts).unify_dictionaries()


def groups_of_networks(
    params: Trainability, seeds: Sequence[int], device: torch.device
) -> list[tuple[int, list[tuple[int, float]]]]:
    """Depth, and seed and weight variance of each network, of those that are trained together."""
    members = [(seed, variance) for seed in seeds for variance in params.weight_variances]
    groups = []
    for depth in params.depths:
        size = networks_at_once(params.network_bytes(depth), device)
        groups += [(depth, members[start : start + size]) for start in range(0, len(members), size)]
    return groups


def learning_curves(
    params: Trainability,
    depth: int,
    members: Sequence[tuple[int, float]],
    shown: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and accuracies (measurements, len(members)) of networks; NaN and chance once they diverge.

    Parameters
    ----------
    members
        Seed and weight variance of each network.
    shown, test
        Training and test images (n, pixels) and their labels (n,).
    """
    images, labels = shown
    seeds, variances = zip(*members, strict=True)
    layers = wide_classifier(params.resolution**2, depth)
    parameters = initial_network(layers, variances, params.bias_variance, seeds, images.device)
    descent = MomentumDescent(layers, parameters, params.learning_rate, params.momentum)
    batches = Batches.of(seeds, "trainability", images, labels, params.batch_size, params.steps, params.measure_every)
    losses, accuracies = [], []
    for measurement in range(1, params.steps // params.measure_every + 1):
        losses.append(torch.stack(train(descent, batches.of_epoch(measurement))).double().mean(0))
        accuracies.append(accuracy(lambda x: forward(layers, parameters, x[None]), *test, EVALUATED_AT_ONCE))
    loss, found = torch.stack(losses).cpu().numpy(), torch.stack(accuracies).cpu().numpy()
    diverged = np.logical_or.accumulate(~np.isfinite(loss) | ~np.isfinite(found), axis=0)
    return np.where(diverged, np.nan, loss), np.where(diverged, chance(labels), found)


def curve_rows(
    params: Trainability, depth: int, members: Sequence[tuple[int, float]], loss: np.ndarray, accuracies: np.ndarray
) -> list[pa.Table]:
    """The table's rows for the learning curves of networks that were trained together."""
    steps = params.measure_every * np.arange(1, len(loss) + 1)
    seeds, variances = (np.array(names) for names in zip(*members, strict=True))
    kept = np.isfinite(loss)
    step, member = np.nonzero(kept)
    reached = {"step": steps[:, None], "seed": seeds, "weight_variance": variances, "value": accuracies}
    learnt = {"step": steps[step], "seed": seeds[member], "weight_variance": variances[member], "value": loss[kept]}
    lost = np.flatnonzero(~kept[-1])
    first = steps[(~kept[:, lost]).argmax(0)] if len(lost) else steps[:0]
    diverged = {"step": first, "seed": seeds[lost], "weight_variance": variances[lost], "value": first}
    return [
        tidy(params.columns, depth=depth, quantity=quantity, **rows)
        for quantity, rows in (("accuracy", reached), ("loss", learnt), ("diverged_step", diverged))
    ]
