"""Task ``falling``: the largest depth that trains, followed along the weight variance."""

from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..falling import Attempt, Outcome, collect_falling, variance_steps
from ..images import labelled_part, minibatches
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
) -> pa.Table:
    """Walk from the first weight variance to the end of the range in the given direction.

    Rows, for every network that was trained: ``accuracy``, its best test accuracy of all epochs; ``trained``, 1 if that
    passed the threshold; ``epochs``, how many it took or was given. A network that diverges has reached at least what
    guessing does, and has not trained.
    """
    shown = labelled_part(dataset, "train", params.train_images, params.resolution, device)
    test = labelled_part(dataset, "test", params.test_images, params.resolution, device)
    sign = {"falling": -1, "rising": 1}[params.direction]
    variances = variance_steps(
        params.start_variance, sign * params.variance_step, params.lowest_variance, params.highest_variance
    )
    parts = []
    with progress(total=len(seeds) * len(variances), desc="falling") as bar:
        for seed in seeds:

            def attempt(variance: float, depth: int, seed: int = seed) -> Outcome:
                bar.set_postfix_str(f"seed {seed}, σ_w² {variance}, depth {depth}")
                return outcome_of(params, seed, variance, depth, shown, test)

            attempts = list(collect_falling(attempt, variances, params.start_depth, params.depth_step))
            parts += attempt_rows(params, seed, attempts)
            bar.update(len(variances))
    return pa.concat_tables(parts).unify_dictionaries()


def outcome_of(
    params: Falling,
    seed: int,
    variance: float,
    depth: int,
    shown: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
) -> Outcome:
    """Train one shrinking network until its test accuracy passes the threshold or the epochs are used up.

    ``shown`` and ``test`` are images (n, pixels) and their labels (n,).
    """
    images, labels = shown
    layers = shrinking_mlp(images.shape[1], depth, readout=torch.tanh if params.tanh_output else linear)
    parameters = initial_network(layers, [variance], params.bias_variance, [seed], images.device)
    descent = MomentumDescent(layers, parameters, params.learning_rate, params.momentum)
    batch_size = min(params.batch_size, len(images))
    steps = len(images) // batch_size
    order = minibatches(seed, "falling", len(images), batch_size, params.epochs * steps).to(images.device)
    best, guessed = 0.0, chance(labels)
    for epoch, batches in enumerate(order.split(steps), 1):
        train(descent, ((images[batch][None], labels[batch][None]) for batch in batches))
        reached = accuracy(lambda x: forward(layers, parameters, x[None]), *test, EVALUATED_AT_ONCE).item()
        if reached != reached:  # diverged: the outputs are not finite and will not be again
            return Outcome(max(best, guessed), False, epoch)
        best = max(best, reached)
        if best > params.threshold:
            return Outcome(best, True, epoch)
    return Outcome(best, False, params.epochs)


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
