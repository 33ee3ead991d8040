"""Probes of networks at initialisation: the engine's entry."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...seeding import numpy_stream
from ...storage.progress import no_progress
from ...storage.tables import schema_of
from ..inputs import normalised
from ..params import Initialisation, Probed
from ..probe import probe_model
from ..sources import builder


def run(
    params: Initialisation,
    seeds: Sequence[int],
    dataset: Dataset,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Signal, noise, gradients and reconstructions along networks at initialisation, one a realisation.

    Parameters
    ----------
    params
        The network, the images and what is measured.
    seeds
        Realisations: a seed fixes the images, the network and its noise, whatever the other seeds.
    dataset
        Its training images are the input.
    device
        Where the network is.
    progress
        Called like ``tqdm``: counts networks.

    Returns
    -------
    pyarrow.Table
        One row per seed, block and quantity, see :func:`nnstatmech.probe.probe.probe_model`; ``step`` is 0. The value
        is null where a quantity is undefined or below the resolution.

    Raises
    ------
    ProbeError
        If the network cannot be probed.
    """
    build = builder(params.model, params.arguments)
    parts = []
    with progress(total=len(seeds), desc=params.model) as bar:
        for seed in sorted(seeds):
            found = probe_model(
                None, images_of(dataset, params, seed), build=build, seeds=[seed], device=device, **options(params)
            )
            parts.append(found.assign(step=0))
            bar.update(1)
    return as_table(parts, params)


def images_of(dataset: Dataset, params: Probed, seed: int) -> torch.Tensor:
    """Normalised training images of a realisation, those for noise and gradients first."""
    count = max(params.images, params.cascade_images)
    order = numpy_stream(seed, "probe", "images").permutation(len(dataset.train_images))[:count]
    return normalised(dataset.train_images[order]).float()


def options(params: Probed) -> dict:
    """Keyword arguments of :func:`~nnstatmech.probe.probe.probe_model` that parameters give."""
    return {
        "lenses": tuple(params.lenses),
        "batch": params.images,
        "batch_norm": None if params.batch_norm == "auto" else params.batch_norm,
        "layout": params.layout,
        "fine": params.fine,
    }


def as_table(parts: Sequence[pd.DataFrame], params: Probed) -> pa.Table:
    """Frames of single probes as one table with the columns of the task; undefined values are null."""
    frame = pd.concat(parts, ignore_index=True)[list(params.columns)]
    for name, kind in params.columns.items():
        if kind == "category":
            frame[name] = frame[name].astype(str).where(frame[name].notna(), None)
    frame["value"] = frame["value"].where(np.isfinite(frame["value"]), np.nan)
    return pa.Table.from_pandas(frame, schema=schema_of(params.columns), preserve_index=False).replace_schema_metadata()
