"""Task ``untrained``: output lengths of untrained networks with a cubic activation, from real weight matrices."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from ..digits import input_vectors, require
from ..params import Untrained


def run(
    params: Untrained, seeds: Sequence[int], dataset: Dataset | None, device: torch.device, progress=no_progress
) -> pa.Table:
    """One network a seed and temperature, all independent.

    Rows: ``output_length`` |c (Σ z)³ w| by seed and temperature; without a seed, ``input_norm`` |x|.
    """
    dataset = require(dataset)
    x = input_vectors(dataset.train_images[params.image : params.image + 1], device)[0]
    lengths = np.empty((len(seeds), len(params.temperatures)))
    with progress(total=lengths.size, desc="networks") as bar:
        for i, seed in enumerate(seeds):
            for j, temperature in enumerate(params.temperatures):
                lengths[i, j] = output_length(x, params, temperature, torch_stream(seed, "untrained", j))
                bar.update(1)
    return pa.concat_tables(
        [
            tidy(Untrained.columns, quantity="input_norm", value=np.array([x.double().norm().item()])),
            tidy(
                Untrained.columns,
                seed=np.asarray(seeds)[:, None],
                temperature=np.asarray(params.temperatures, dtype=float),
                quantity="output_length",
                value=lengths,
            ),
        ]
    )


def output_length(x: Tensor, params: Untrained, temperature: float, generator: torch.Generator) -> float:
    """Output length of one network: a matrix of weights, a cubic activation of its summed signal, a readout."""
    deviation = temperature / params.width
    first = torch.randn(params.width, len(x), generator=generator).to(x.device).mul_(deviation)
    readout = torch.randn(params.width, generator=generator).to(x.device).mul_(deviation)
    activation = params.coupling * (first @ x).double().sum() ** 3
    return (activation.abs() * readout.double().norm()).item()
