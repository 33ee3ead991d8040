"""Task ``falling``: the largest depth that trains, followed along the weight variance."""

import math
from collections.abc import Mapping, Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.checkpoints import Checkpoint, no_checkpoint
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..falling import SMALLEST_DEPTH, Attempt, Outcome, collect_falling, variance_steps
from ..hyperbolic import tanh
from ..images import Batches, labelled_part
from ..networks import forward, initial_network, linear, shrinking_mlp
from ..params import Falling
from ..training import MomentumDescent, accuracy, chance, train

EVALUATED_AT_ONCE = 512  # test images


def run(
    params: Falling,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
    checkpoint: Checkpoint = no_checkpoint,
) -> pa.Table:
    """Walk from the first weight variance to the end of the range in the given direction.

    Rows, for every network that was trained: ``accuracy``, its best test accuracy of all epochs; ``trained``, 1 if that
    passed the threshold; ``epochs``, how many it took or was given. A network that diverges has reached at least what
    guessing does, and has not trained. Of each seed, without an attempt: the ``threshold``, and with a ``margin`` the
    ``linear_accuracy``, that of its network without hidden layers, which the threshold is made of.

    ``checkpoint`` keeps the outcomes so far: a walk cut off is walked again with them up to the first network that was
    not yet trained.
    """
    shown = labelled_part(dataset, "train", params.train_images, params.resolution, device)
    test = labelled_part(dataset, "test", params.test_images, params.resolution, device)
    sign = {"falling": -1, "rising": 1}[params.direction]
    variances = variance_steps(
        params.start_variance, sign * params.variance_step, params.lowest_variance, params.highest_variance
    )
    linear_accuracies = accuracies_without_layers(params, seeds, shown, test) if params.margin else {}
    floors = {seed: clearly_above(found, params.margin, len(test[1])) for seed, found in linear_accuracies.items()}
    thresholds = {seed: max(params.threshold, floors.get(seed, 0.0)) for seed in seeds}
    with progress(total=len(seeds) * len(variances), desc="falling") as bar:
        known = checkpoint.load() or {}

        def attempt(depth: int, members: Sequence[tuple[int, float]]) -> list[Outcome]:
            bar.set_postfix_str(f"depth {depth}, {len(members)} networks")
            if (asked := (depth, *members)) not in known:
                known[asked] = outcomes_of(params, depth, members, thresholds, shown, test)
                checkpoint.offer(lambda: known)
            outcomes = known[asked]
            bar.update(sum(outcome.trained or depth == SMALLEST_DEPTH for outcome in outcomes))
            return outcomes

        attempts = collect_falling(attempt, seeds, variances, params.start_depth, params.depth_step)
    parts = [table for seed in seeds for table in attempt_rows(params, seed, attempts[seed])]
    for quantity, values in {"threshold": thresholds, "linear_accuracy": linear_accuracies}.items():
        parts += [tidy(params.columns, seed=seed, quantity=quantity, value=value) for seed, value in values.items()]
    return pa.concat_tables(parts).unify_dictionaries()


def accuracies_without_layers(
    params: Falling, seeds: Sequence[int], shown: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> dict[int, float]:
    """Best test accuracy, by seed, of networks without hidden layers that are trained as the others are."""
    members = [(seed, params.start_variance) for seed in seeds]
    outcomes = outcomes_of(params, SMALLEST_DEPTH, members, dict.fromkeys(seeds, math.inf), shown, test)
    return {seed: outcome.accuracy for seed, outcome in zip(seeds, outcomes, strict=True)}


def clearly_above(accuracy: float, errors: float, images: int) -> float:
    """So many standard errors above an accuracy that was measured on so many images."""
    return accuracy + errors * math.sqrt(accuracy * (1 - accuracy) / images)


def outcomes_of(
    params: Falling,
    depth: int,
    members: Sequence[tuple[int, float]],
    thresholds: Mapping[int, float],
    shown: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
) -> list[Outcome]:
    """Train shrinking networks side by side until their test accuracy passes the threshold or the epochs are used up.

    A network that has ended, or has diverged, leaves the ensemble with its outcome.

    Parameters
    ----------
    members
        Seed and weight variance of each network.
    thresholds
        Test accuracy above which the networks of each seed have trained.
    shown, test
        Images (n, pixels) and their labels (n,).
    """
    images, labels = shown
    seeds, variances = zip(*members, strict=True)
    layers = shrinking_mlp(images.shape[1], depth, readout=tanh if params.tanh_output else linear)
    descent = MomentumDescent(
        layers,
        initial_network(layers, variances, params.bias_variance, seeds, images.device),
        params.learning_rate,
        params.momentum,
    )
    batch_size = min(params.batch_size, len(images))
    steps = len(images) // batch_size
    batches = Batches.of(seeds, "falling", images, labels, batch_size, params.epochs * steps, steps)
    best, guessed = [0.0] * len(members), chance(labels)
    outcomes: dict[int, Outcome] = {}
    going = list(range(len(members)))
    for epoch in range(1, params.epochs + 1):
        train(descent, batches.of_epoch(epoch, going))
        reached = accuracy(lambda x: forward(layers, descent.parameters, x[None]), *test, EVALUATED_AT_ONCE).tolist()
        for member, found in zip(going, reached, strict=True):
            diverged = found != found  # the outputs are not finite and will not be again
            best[member] = max(best[member], guessed if diverged else found)
            trained = not diverged and best[member] > thresholds[seeds[member]]
            if trained or diverged or epoch == params.epochs:
                outcomes[member] = Outcome(best[member], trained, epoch)
        left = [place for place, member in enumerate(going) if member not in outcomes]
        if not left:
            break
        if len(left) < len(going):
            descent.keep(left)
            going = [going[place] for place in left]
    return [outcomes[member] for member in range(len(members))]


def attempt_rows(params: Falling, seed: int, attempts: Sequence[Attempt]) -> list[pa.Table]:
    """The table's rows for the attempts of one seed."""
    position = {
        "seed": seed,
        "attempt": range(len(attempts)),
        "weight_variance": [attempt.weight_variance for attempt in attempts],
        "depth": [attempt.depth for attempt in attempts],
    }
    return [
        tidy(
            params.columns,
            **position,
            quantity=quantity,
            value=[float(getattr(one.outcome, quantity)) for one in attempts],
        )
        for quantity in ("accuracy", "trained", "epochs")
    ]
