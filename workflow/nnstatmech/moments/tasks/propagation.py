"""Moments of signal and noise along random networks: the engine's entry."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...errors import NamedProblem
from ...storage.progress import no_progress
from ...storage.tables import schema_of, tidy
from ..gradients import gradient_moments
from ..inputs import batches
from ..networks import GaussianWeights
from ..params import Propagation
from ..propagation import Breakdown, propagate
from ..sizes import realisations_at_once


def run(
    params: Propagation,
    seeds: Sequence[int],
    dataset: Dataset,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Moments of signal and noise at the measured depths, one network and one batch a realisation.

    Parameters
    ----------
    params
        The network, the batch and what is measured.
    seeds
        Realisations. A seed fixes images, noise and weights whatever the other seeds.
    dataset
        Its training images are the signal.
    device
        Where the network is; weights are drawn there, so that CPU and CUDA agree in distribution only:
        realisations of two tables are pairs if both were computed on one kind of device.
    progress
        Called like ``tqdm``: counts layers.

    Returns
    -------
    pyarrow.Table
        One row per seed, depth, location and quantity, see :func:`nnstatmech.moments.propagation.propagate`. The
        value is null where a network has died (a ReLU layer without any active unit), and in the few
        other cases that are named there.

    Raises
    ------
    ValueError
        If the data set is smaller than a batch, or a batch cannot be normalised.
    NamedProblem
        If the arithmetic fails in a network that is alive; names the seeds.
    """
    seeds = sorted(seeds)
    inputs = batches(dataset, params, seeds)
    size = realisations_at_once(params, dataset.train_images.shape[1:], device)
    tables = []
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=params.tf32),
        progress(total=len(seeds) * params.depth, desc=f"{params.architecture}, width {params.width}") as bar,
    ):
        for start in range(0, len(seeds), size):
            together = seeds[start : start + size]
            bar.set_postfix_str(f"realisations {together[0]} to {together[-1]}")
            signal, noise = (
                torch.from_numpy(np.stack(tensors)).to(device)
                for tensors in zip(*(next(inputs) for _ in together), strict=True)
            )
            weights = GaussianWeights(together, device)
            biases = GaussianWeights(together, device, "biases") if params.bias_variance else None
            after_layer = partial(bar.update, len(together))
            try:
                moments = propagate(params, signal, noise, weights, biases, after_layer)
                if params.gradients:
                    moments |= gradient_moments(params, signal, together)
            except Breakdown as error:
                failed = ", ".join(str(together[i]) for i in error.realisations)
                raise NamedProblem(f"realisations {failed}: {error}") from error
            tables.append(as_table(params, together, {key: value.cpu().numpy() for key, value in moments.items()}))
    return pa.concat_tables(tables)


def as_table(params: Propagation, seeds: Sequence[int], moments: dict[tuple[str, str], np.ndarray]) -> pa.Table:
    """The measurements of some realisations as rows."""
    every = params.depth // params.measurements
    depths = np.arange(every, params.depth + 1, every)
    schema = schema_of(params.columns)
    parts = []
    for (location, quantity), values in moments.items():
        part = tidy(
            schema, seed=np.array(seeds)[:, None], depth=depths, location=location, quantity=quantity, value=values
        )
        finite = pa.array(values.ravel(), mask=~np.isfinite(values).ravel())
        parts.append(part.set_column(schema.get_field_index("value"), schema.field("value"), finite))
    return pa.concat_tables(parts).unify_dictionaries()
