"""What tests of the family share."""

import numpy as np
import pandas as pd
import pytest
import torch

from nnstatmech.storage.tables import require_finite, schema_of

from .example_tables import example_tables


@pytest.fixture(scope="session")
def tables():
    """A small table for every role that figures and measures know, made by the tasks."""
    return example_tables()


@pytest.fixture
def rows_of():
    """``rows_of(task, params, seeds, dataset)``: the checked table of a task as a DataFrame."""

    def run(task, params, seeds, dataset):
        table = task.run(params, seeds, dataset, torch.device("cpu"))
        assert table.schema.equals(schema_of(params.columns))
        require_finite(table, task.__name__)
        return table.to_pandas()

    return run


@pytest.fixture
def compare_shards(rows_of):
    """Assert that seeds 0 and 1 give the same rows together and alone, up to rounding."""

    def compare(task, params, dataset, rtol=1e-4, atol=1e-6):
        together = rows_of(task, params, [0, 1], dataset)
        for seed in (0, 1):
            alone = rows_of(task, params, [seed], dataset)
            ours, theirs = (frame[frame["seed"] == seed].reset_index(drop=True) for frame in (together, alone))
            keys = [name for name in ours.columns if name not in ("value", "profile")]
            order = [frame.sort_values(keys, kind="stable").index for frame in (ours, theirs)]
            ours, theirs = ours.loc[order[0]].reset_index(drop=True), theirs.loc[order[1]].reset_index(drop=True)
            pd.testing.assert_frame_equal(ours[keys], theirs[keys])
            np.testing.assert_allclose(ours["value"].to_numpy(float), theirs["value"].to_numpy(float), rtol, atol)
            if "profile" in ours:
                for mine, other in zip(ours["profile"], theirs["profile"], strict=True):
                    assert (mine is None) == (other is None)
                    if mine is not None:
                        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-3 * np.abs(other).max())

    return compare
