"""Shards, measured depths, errors and outcomes of the task."""

import numpy as np
import pytest

from nnstatmech.moments import networks
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.tasks.propagation import run
from nnstatmech.storage.tables import schema_of

from ..small import CPU, dataset, params


def values_of(*args):
    table = run(*args, dataset(), CPU)
    assert table.schema.equals(schema_of(Propagation.columns))
    return table.to_pandas().set_index(["seed", "depth", "location", "quantity"])["value"].astype(float).sort_index()


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_a_realisation_does_not_depend_on_the_shard(architecture, kernel_size):
    settings = params(architecture, kernel_size=kernel_size)
    together = values_of(settings, [0, 1, 2])
    apart = [values_of(settings, [seed]) for seed in (2, 0, 1)]
    for part in apart:
        np.testing.assert_allclose(together.loc[part.index], part, rtol=2e-4, atol=2e-5)
    assert together.loc[0].sub(together.loc[1]).abs().max() > 0.01


@pytest.mark.parametrize("boundary", ["periodic", "symmetric", "zero_padding"])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_blocks_of_images_change_nothing(architecture, boundary, monkeypatch):
    settings = params(architecture, boundary=boundary)
    whole = values_of(settings, [0])
    monkeypatch.setitem(networks.BLOCK_BYTES, "cpu", 2 * 2 * 16 * 24 * 4)  # two images each
    np.testing.assert_allclose(values_of(settings, [0]), whole, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("measurements", [1, 2, 3, 6])
def test_measuring_does_not_disturb(measurements):
    """Fewer measurements give the same numbers at the depths that remain."""
    often = values_of(params("vanilla", measurements=6), [0])
    seldom = values_of(params("vanilla", measurements=measurements), [0])
    np.testing.assert_allclose(often.loc[seldom.index], seldom, rtol=1e-5, atol=1e-6)


def test_locations_depths_and_quantities():
    table = run(params("bn_res", measurements=2, effective_ranks="signal"), [4], dataset(), CPU)
    rows = table.to_pandas()
    assert sorted(rows["depth"].unique()) == [3, 6]
    assert set(rows["location"]) == {"input", "normalised", "activation", "preactivation", "output"}
    assert set(rows[rows["quantity"] == "reff_signal"]["location"]) == {"activation"}
    assert "reff_noise" not in set(rows["quantity"])
    assert len(rows) == 2 * (5 * 6 + 1)


def test_flattened_images_with_constant_pixels_are_refused():
    data = dataset(constant_edge=True)
    with pytest.raises(ValueError, match=r"24 of 192 input channels are constant.*kernel_size = 1"):
        run(params(kernel_size=1), [0], data, CPU)
    assert run(params(kernel_size=3), [0], data, CPU).num_rows


def test_batch_larger_than_the_data_set():
    with pytest.raises(ValueError, match=r"batch_size = 61: data set 'cifar10' \(random pixels\) has only 60"):
        run(params(batch_size=61), [0], dataset(), CPU)


def test_a_dead_network_is_recorded_as_null():
    """Width 2 dies within a few dozen layers: no error, no infinity."""
    table = run(params("vanilla", width=2, depth=60, effective_ranks="none"), range(3), dataset(), CPU).to_pandas()
    assert np.isfinite(table["value"].dropna()).all()
    assert table[table["quantity"] == "log_mu2_noise"]["value"].isna().any()


@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_depth_beyond_single_precision(architecture):
    """Noise far beyond 1e38 and signals far below 1e-38 are followed in log scale."""
    settings = params(architecture, kernel_size=1, depth=600, width=16, batch_size=4, measurements=3)
    table = run(settings, [0], dataset(), CPU).to_pandas()
    assert table["value"].notna().all()
    if architecture == "bn_ff":
        assert table[table["quantity"] == "log_mu2_noise"]["value"].max() > 2 * np.log(1e38)
