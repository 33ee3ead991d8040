"""Task ``cells``: networks of a plane, scored at initialisation, then trained."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor, nn

from ...cascades.training import chance
from ...datasets import Dataset
from ...probe.checks import ProbeError
from ...probe.probe import probe_model
from ...scores import SCORES, score_model
from ...seeding import stream_key, torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..images import standardised
from ..params import Cells
from ..planes import PLANES, Shape
from ..training import Ensemble

AVERAGED = 10  # minibatches whose mean loss decides between learning rates
# Members that a CPU trains together where the activations of an image are many: a third faster than all of them.
AT_ONCE = {"convolutional": 10, "transformer": 10}
# What the conventions of a diagnosis read along the blocks, see nnstatmech.probe.sentences.
ALONG_BLOCKS = (
    "reff_signal",
    "log_chi",
    "contrast",
    "kept_similarity",
    "kept_similarity_error",
    "log_gradient",
    "r2",
    "rows_per_feature",
    "dead_units",
)


def run(
    params: Cells,
    seeds: Sequence[int],
    dataset: Dataset,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Score and train the networks of a plane.

    Every candidate of the learning rate is trained for ``chosen_after`` minibatches; the one with the smallest training
    loss, the mean over the last ten minibatches, goes on alone, and its accuracy is what is told.

    Rows: one for each score, with the CPU ``seconds`` that it took; one for each ``block`` and quantity of a probe
    (:func:`nnstatmech.probe.probe.probe_model`), none of a network that cannot be probed because its numbers overflow,
    and ``multiply_adds`` of the block; ``loss`` of every ``rate`` at the choice; ``accuracy`` of the chosen rate after
    each of ``steps``, chance where the outputs are not finite. Scores that a network does not define, and losses that
    are not finite, are null.

    Parameters
    ----------
    params
        The plane, the training and the scores.
    seeds
        Realisations: a seed fixes the networks and the minibatches, whatever the other seeds.
    dataset
        Labelled images.
    device
        Where the networks are trained; scores are computed on the CPU.
    progress
        Called like ``tqdm``: counts minibatches of whole ensembles.
    """
    data = standardised(dataset, params.resolution, params.test_images)
    parts = []
    with progress(total=len(seeds) * len(params.depths) * params.steps[-1], desc=params.plane) as bar:
        for seed in sorted(seeds):
            for depth in params.depths:
                bar.set_postfix_str(f"seed {seed}, depth {depth}")
                models = networks(params, seed, depth)
                parts += [scored(params, seed, depth, models, data.train, data.train_labels)]
                parts += probed(params, seed, depth, models, data.train)
                parts += trained(params, seed, depth, models, data, device, bar.update)
    return pa.concat_tables(parts).unify_dictionaries()


def networks(params: Cells, seed: int, depth: int) -> list[nn.Module]:
    """The networks of a plane at one depth, one for each value of the initialisation; independent of each other."""
    shape = Shape(params.width, params.resolution, params.classes)
    found = []
    for value in params.values:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_key(seed, "atlas", params.plane, depth, repr(value)))
            found.append(PLANES[params.plane](value, depth, shape))
    return found


def scored(
    params: Cells, seed: int, depth: int, models: Sequence[nn.Module], images: Tensor, labels: Tensor
) -> pa.Table:
    """All scores of all networks of one depth, on the same images."""
    chosen = torch.randperm(len(images), generator=torch_stream(seed, "atlas", "score images"))[: params.score_images]
    found = [scores_of(model, images[chosen], labels[chosen]) for model in models]
    rows = pd.concat([frame.assign(initial_value=value) for frame, value in zip(found, params.values, strict=True)])
    return tidy(
        params.columns,
        seed=seed,
        depth=depth,
        initial_value=rows["initial_value"].to_numpy(),
        quantity=rows["score"].to_numpy(),
        value=nullable(rows["value"]),
        seconds=rows["seconds"].to_numpy(),
    )


def scores_of(model: nn.Module, images: Tensor, labels: Tensor) -> pd.DataFrame:
    """Scores of one network; those that fail for it, as where its numbers overflow, are holes."""
    try:
        return score_model(model, images, labels)
    except ProbeError:
        return pd.concat([one_score(model, images, labels, name) for name in SCORES], ignore_index=True)


def one_score(model: nn.Module, images: Tensor, labels: Tensor, name: str) -> pd.DataFrame:
    try:
        found = score_model(model, images, labels, [name])
    except ProbeError:
        return pd.DataFrame({"score": [name], "value": [math.nan], "seconds": [0.0]})
    return found[found["score"] == name]


def probed(params: Cells, seed: int, depth: int, models: Sequence[nn.Module], images: Tensor) -> list[pa.Table]:
    """What the probe measures along the blocks of all networks of one depth, on the same images."""
    chosen = torch.randperm(len(images), generator=torch_stream(seed, "atlas", "probe images"))[: params.probe_images]
    parts = []
    for model, value in zip(models, params.values, strict=True):
        try:
            found = probe_model(model, images[chosen], seeds=[seed])
        except ProbeError:
            continue
        here = {"seed": seed, "depth": depth, "initial_value": value}
        rows = found[found["quantity"].isin(ALONG_BLOCKS)]
        sizes = found.drop_duplicates("block")
        for quantity, shown, number in (
            (rows["quantity"].astype(str), rows, rows["value"]),
            ("multiply_adds", sizes, sizes["multiply_adds"]),
        ):
            parts.append(
                tidy(params.columns, **here, block=shown["block"].to_numpy(), quantity=quantity, value=nullable(number))
            )
    return parts


def trained(
    params: Cells,
    seed: int,
    depth: int,
    models: Sequence[nn.Module],
    data,
    device: torch.device,
    after_step: Callable[[int], object],
) -> list[pa.Table]:
    """Losses of all rates at the choice, and accuracies of the best one."""
    rates, count = params.rates, len(models)
    members = [model for model in models for _ in rates]
    at_once = AT_ONCE if device.type == "cpu" else {}
    ensemble = Ensemble(members, list(rates) * count, params.momentum, device, at_once.get(params.plane))
    images, labels, test, test_labels = (part.to(device) for part in data)
    stream = torch_stream(seed, "atlas", "minibatches")
    order = torch.randint(len(images), (params.steps[-1], params.batch_size), generator=stream).to(device)
    losses, chosen = [], torch.arange(count * len(rates), device=device)
    accuracies = {}
    for step, batch in enumerate(order, 1):
        losses.append(ensemble.step(images[batch], labels[batch]))
        if step in params.steps:
            accuracies[step] = (chosen, ensemble.accuracies(test, test_labels))
        if step == params.chosen_after:
            late = torch.stack(losses[-AVERAGED:]).double().mean(0).view(count, len(rates))
            best = torch.nan_to_num(late, nan=torch.inf).argmin(1)
            chosen = torch.arange(count, device=device) * len(rates) + best
            ensemble.keep(chosen)
        after_step(1)
    return rows(params, seed, depth, late.cpu().numpy(), chosen.cpu().numpy(), accuracies, chance(test_labels))


def rows(
    params: Cells,
    seed: int,
    depth: int,
    losses: np.ndarray,
    chosen: np.ndarray,
    accuracies: dict[int, tuple[Tensor, Tensor]],
    guessing: float,
) -> list[pa.Table]:
    """The table's rows for the networks of one depth."""
    values, rates = np.asarray(params.values), np.asarray(params.rates)
    here = {"seed": seed, "depth": depth}
    at_choice = {"step": params.chosen_after, "quantity": "loss", "value": nullable(losses)}
    parts = [tidy(params.columns, **here, initial_value=values[:, None], rate=rates, **at_choice)]
    for step, (members, found) in accuracies.items():
        told = dict(zip(members.tolist(), found.tolist(), strict=True))
        hits = np.array([told[member] for member in chosen.tolist()])
        parts.append(
            tidy(
                params.columns,
                **here,
                initial_value=values,
                step=step,
                rate=rates[chosen % len(rates)],
                quantity="accuracy",
                value=np.where(np.isfinite(hits), hits, guessing),
            )
        )
    return parts


def nullable(values) -> np.ndarray:
    """Numbers as objects, None where they are not finite."""
    array = np.asarray(values, float)
    found = array.astype(object)
    found[~np.isfinite(array)] = None
    return found
