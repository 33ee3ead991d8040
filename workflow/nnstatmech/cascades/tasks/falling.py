"""Task ``falling``: the largest depth that trains, followed along the weight variance."""

from collections.abc import Sequence

import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import CATEGORY, tidy
from ..falling import Attempt, Outcome, collect_falling, variance_steps
from ..images import grey_inputs, minibatches, require_labels, subset
from ..networks import initial_parameters, shrinking_mlp
from ..params import Falling as Params
from ..trainability import MomentumDescent, accuracies, linear

columns = pa.schema(
    [
        ("seed", pa.int32()),
        ("attempt", pa.int32()),
        ("weight_variance", pa.float64()),
        ("depth", pa.int32()),
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
    """Walk from the first weight variance to the end of the range in the given direction.

    Rows, for every network that was trained: ``accuracy``, its best test accuracy of all epochs; ``trained``, 1 if that
    passed the threshold; ``epochs``, how many it took or was given.
    """
    require_labels(dataset)
    kept = subset(len(dataset.train_images), params.train_images, "train")
    images = grey_inputs(dataset.train_images[kept], params.resolution, device)
    labels = torch.tensor(dataset.train_labels[kept], device=device)
    kept = subset(len(dataset.test_images), params.test_images, "test")
    test = grey_inputs(dataset.test_images[kept], params.resolution, device)
    test_labels = torch.tensor(dataset.test_labels[kept], device=device)
    sign = {"falling": -1, "rising": 1}[params.direction]
    variances = variance_steps(
        params.start_variance, sign * params.variance_step, params.lowest_variance, params.highest_variance
    )
    parts = []
    with progress(total=len(seeds) * len(variances), desc="falling") as bar:
        for seed in seeds:

            def train(variance: float, depth: int, seed: int = seed) -> Outcome:
                bar.set_postfix_str(f"seed {seed}, σ_w² {variance}, depth {depth}")
                return train_network(params, seed, variance, depth, images, labels, test, test_labels)

            attempts = list(collect_falling(train, variances, params.start_depth, params.depth_step))
            parts += rows(seed, attempts)
            bar.update(len(variances))
    return pa.concat_tables(parts).unify_dictionaries()


def train_network(params: Params, seed: int, variance: float, depth: int, images, labels, test, test_labels) -> Outcome:
    """Train one shrinking network until its test accuracy passes the threshold or the epochs are used up."""
    layers = shrinking_mlp(images.shape[1], depth, readout=torch.tanh if params.tanh_output else linear)
    parameters = [
        initial_parameters(layer, position, [variance], params.bias_variance, [seed], images.device)[0]
        for position, layer in enumerate(layers)
    ]
    descent = MomentumDescent(layers, parameters, params.learning_rate, params.momentum)
    batch_size = min(params.batch_size, len(images))
    steps = len(images) // batch_size
    order = minibatches(seed, "falling", len(images), batch_size, params.epochs * steps).to(images.device)
    best = 0.0
    for epoch, batches in enumerate(order.split(steps), 1):
        for batch in batches:
            descent.step(images[batch].unsqueeze(0), labels[batch].unsqueeze(0))
        accuracy = accuracies(layers, parameters, test, test_labels).item()
        if accuracy != accuracy:  # diverged: the outputs are not finite and will not be again
            return Outcome(best, False, epoch)
        best = max(best, accuracy)
        if best > params.threshold:
            return Outcome(best, True, epoch)
    return Outcome(best, False, params.epochs)


def rows(seed: int, attempts: Sequence[Attempt]) -> list[pa.Table]:
    """The table's rows for the attempts of one seed."""
    position = {
        "seed": seed,
        "attempt": range(len(attempts)),
        "weight_variance": [attempt.weight_variance for attempt in attempts],
        "depth": [attempt.depth for attempt in attempts],
    }
    return [
        tidy(columns, **position, quantity=quantity, value=[float(getattr(a.outcome, quantity)) for a in attempts])
        for quantity in ("accuracy", "trained", "epochs")
    ]
