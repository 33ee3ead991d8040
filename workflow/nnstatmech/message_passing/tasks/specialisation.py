"""Task ``specialisation``: when a committee's units find their own teacher units, by state evolution and by AMP.

Columns of the table: ``load`` (α), ``start`` (``symmetric``: units alike; ``perturbed``: slightly unlike;
``informed``: near the teacher). Quantities: ``own_overlap``, ``other_overlap`` (with a unit's own and with another
teacher unit), ``error`` (of the most probable outcome) and ``free_entropy`` (log Z per input) of state evolution, the
same for every seed; ``amp_own_overlap`` and ``amp_other_overlap`` of AMP on one instance a seed.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from ...datasets import Dataset
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import committee_amp, committee_evolution
from ..params import Specialisation

STARTS = {"symmetric": (0.0, 0.0), "perturbed": (0.02, 0.0), "informed": (0.98, 0.0)}
INFORMED = 6.5  # precision of the hint that starts AMP at that overlap


def run(
    params: Specialisation,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Fixed points from every start, and AMP from small random fields and from near the teacher."""
    tables = []
    with progress(total=len(params.loads), desc=f"committee of {params.units}") as bar:
        for load in params.loads:
            for start, q in STARTS.items():
                state = committee_evolution.fixed_point(params.units, load, q)
                values = {
                    "own_overlap": state.own,
                    "other_overlap": state.other,
                    "error": state.error,
                    "free_entropy": state.free_entropy,
                }
                for quantity, value in values.items():
                    row = {"seed": np.asarray(seeds), "load": load, "start": start, "quantity": quantity}
                    tables.append(tidy(Specialisation.columns, **row, value=value))
            for start, hint in (("perturbed", 0.0), ("informed", INFORMED)):
                found = np.array(
                    [
                        committee_amp.overlaps(seed, params.units, params.inputs, load, params.sweeps, hint)
                        for seed in seeds
                    ]
                )
                for quantity, value in zip(("amp_own_overlap", "amp_other_overlap"), found.T, strict=True):
                    row = {"seed": np.asarray(seeds), "load": load, "start": start, "quantity": quantity}
                    tables.append(tidy(Specialisation.columns, **row, value=value))
            bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
