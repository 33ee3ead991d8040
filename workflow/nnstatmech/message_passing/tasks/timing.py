"""Task ``timing``: seconds an epoch of every rule, measured on some of its mini-batches.

A seed is one repetition with other weights and other images. Quantities, one value per repetition, algorithm and batch
size, each for an epoch of ``params.samples`` images:

``epoch_seconds``
    Wall time of the mini-batch loop alone: choosing the images, the sweep, the update of the weights.
``epoch_cpu_seconds``
    Processor time of the same loop, which other programs on the machine disturb less.
"""

import time
from collections.abc import Sequence

import pyarrow as pa
import torch
from torch import Tensor

from ...datasets.dataset import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..baselines import BinaryNet
from ..graphs import CapturedStep
from ..learning import Learner, LearningSettings
from ..network import build_network
from ..params import Timing
from ..preprocessing import Samples, prepare

RHO, TOP_RHO, DAMPING = 1.0001, 0.9, 0.8
SERIES_ORDER = 3
WARM_UP_BATCHES = 4  # the first compile kernels or capture a graph


def run(
    params: Timing,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Time every algorithm at every batch size, one network at a time.

    Raises
    ------
    ValueError
        If there is no labelled data set.
    """
    if dataset is None:
        raise ValueError("timing needs a data set; name one, e.g. dataset: mnist")
    train, _ = prepare(dataset, "odd_even", device)
    tables = []
    total = len(params.algorithms) * len(params.batch_sizes) * len(seeds)
    with progress(total=total, desc="timing", unit="loop") as bar:
        for algorithm in params.algorithms:
            for batch_size, batches in zip(params.batch_sizes, params.batches, strict=True):
                for seed in seeds:
                    wall, processor = seconds_per_batch(params, algorithm, batch_size, batches, train, seed)
                    scale = params.samples // batch_size
                    for quantity, value in (("epoch_seconds", wall), ("epoch_cpu_seconds", processor)):
                        row = {"seed": seed, "algorithm": algorithm, "batch_size": batch_size}
                        tables.append(tidy(Timing.columns, **row, quantity=quantity, value=[value * scale]))
                    bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def new_trainer(algorithm: str, widths: list[int], seed: int, device: torch.device) -> Learner | BinaryNet:
    """A new network of one replica."""
    if algorithm == "sgd":
        return BinaryNet(widths, [seed], device=device)
    network = build_network(
        widths,
        "bpi" if algorithm == "series" else algorithm,
        [seed],
        series_order=SERIES_ORDER if algorithm == "series" else None,
        device=device,
    )
    rho = [RHO] * (len(widths) - 2) + [TOP_RHO]
    return Learner(network, LearningSettings(rho=rho, damping=DAMPING))


def seconds_per_batch(
    params: Timing, algorithm: str, batch_size: int, batches: int, train: Samples, seed: int
) -> tuple[float, float]:
    """Mean wall and processor time of a mini-batch, after the first few."""
    device = train.inputs.device
    trainer = new_trainer(algorithm, [train.inputs.shape[1], *params.hidden, 1], seed, device)
    step = CapturedStep(trainer.learn_batch, trainer.state)
    stream = torch_stream(seed, "timing")
    images = (WARM_UP_BATCHES + batches) * batch_size
    rows = torch.randint(len(train.inputs), (images,), generator=stream).to(device).split(batch_size)
    learn_from(step, train, rows[:WARM_UP_BATCHES])
    wait_for(device)
    wall, processor = time.perf_counter(), time.process_time()
    learn_from(step, train, rows[WARM_UP_BATCHES:])
    wait_for(device)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    step.free()
    return wall / batches, processor / batches


def learn_from(step: CapturedStep, train: Samples, batches: Sequence[Tensor]) -> None:
    for rows in batches:
        step(train.inputs.index_select(0, rows)[None], train.labels.index_select(0, rows)[None])


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
