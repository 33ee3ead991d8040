"""Task ensemble: sampled and trained networks as a table."""

import numpy as np
import pytest

from nnstatmech.linear_bnn.params import Ensemble
from nnstatmech.linear_bnn.tasks import ensemble

from .digits import small_digits

DATASET = small_digits()


def test_the_table_is_finite_and_typed(rows_of):
    rows_of(ensemble, Ensemble(hidden_widths=[[3, 2]], betas=[1.0], networks=64, moves=8), [0], DATASET)


@pytest.mark.parametrize(
    "setting",
    [
        {"sampler": "hmc", "moves": 8},
        {"sampler": "langevin", "steps": 30, "batch_size": 2},
        {"sampler": "gradient_descent", "max_steps": 500},
    ],
)
def test_seeds_give_the_same_rows_in_any_shard(compare_shards, setting):
    compare_shards(ensemble, Ensemble(hidden_widths=[[3]], betas=[1.0], networks=128, **setting), DATASET)


def test_divergence_is_recorded(rows_of):
    params = Ensemble(
        sampler="langevin", hidden_widths=[[1]], betas=[10.0], networks=64, steps=300, step_size=0.05, tamed=False
    )
    counts = rows_of(ensemble, params, [0], DATASET)["quantity"].value_counts()
    assert counts["diverged"] > 0
    assert counts["diverged"] + counts.get("output", 0) == 64


def test_slow_networks_stay_in_the_table(tables):
    rows = tables["descent"]
    narrow = rows[rows["network"] == "1"]
    assert len(narrow[narrow["quantity"] == "probability"]) == 2 * 128
    steps = narrow.loc[narrow["quantity"] == "step", "value"]
    fraction = narrow.loc[narrow["quantity"] == "converged_fraction", "value"].mean()
    assert fraction == pytest.approx(np.mean(steps >= 0))
    assert fraction < 1
