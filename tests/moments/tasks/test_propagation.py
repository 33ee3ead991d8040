"""Shards, measured depths, errors and outcomes of the task."""

import numpy as np
import pytest
import torch

from nnstatmech.errors import NamedProblem
from nnstatmech.moments import convolutions
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.tasks import propagation
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
    monkeypatch.setitem(convolutions.BLOCK_BYTES, "cpu", 2 * 2 * 16 * 24 * 4)  # two images each
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


def test_nothing_is_measured_of_a_dead_network():
    """All moments are null from the death on, and never again a number."""
    settings = params("vanilla", kernel_size=1, width=6, depth=100, measurements=50, effective_ranks="signal")
    table = run(settings, range(12), dataset(), CPU).to_pandas()
    outputs = table[table["location"] == "output"].pivot(index=["seed", "depth"], columns="quantity", values="value")
    dead = outputs["log_mu2_noise"].isna()
    assert 2 <= dead.groupby("seed").last().sum() <= 10  # of 12: a layer of six units dies with probability 1/64
    assert dead.groupby("seed").is_monotonic_increasing.all()  # no resurrection
    for name in outputs:
        assert (outputs[name].isna() == dead).all(), name
    assert (outputs["nu2_signal"].dropna() > 0).all()


def test_moments_below_double_precision_are_null_but_their_logarithms_are_followed():
    """In a narrow network the signal falls below 1e-308 while the sensitivity, a ratio, goes on."""
    settings = params("vanilla", kernel_size=1, width=16, depth=8000, batch_size=2, measurements=8, weights="drawn")
    table = run(settings, [1], dataset(), CPU).to_pandas()
    last = table[table["depth"] == 8000].set_index(["location", "quantity"])["value"]
    assert last["output", "log_mu2_noise"] < -300
    assert np.isnan(last["output", "mu4_signal"])
    assert np.isfinite(last["output", "log_chi"])
    assert (table["value"].dropna() != 0).all()


class Scripted:
    """Gaussian weights, but zero in one layer: every unit of it is constant."""

    def __init__(self, layer):
        self.weights, self.layer, self.calls = GaussianWeights([0, 1], CPU), layer, 0

    def fill(self, out, std):
        self.weights.fill(out, std)
        self.calls += 1
        if self.calls == self.layer:
            out[1] = 0


def test_division_by_zero_is_told_apart_from_death(monkeypatch):
    monkeypatch.setattr(propagation, "GaussianWeights", lambda seeds, device: Scripted(3))
    settings = params("bn_ff", kernel_size=1, width=32, epsilon=0.0, weights="drawn")
    with pytest.raises(NamedProblem, match=r"^realisations 8: moments are not finite although .* epsilon = 0.0"):
        run(settings, [7, 8], dataset(), CPU)


def test_failed_cholesky_factor_is_told_apart_from_death(monkeypatch):
    def failing(gram):
        factor, failed = cholesky(gram)
        failed[1] = 1
        return factor, failed

    cholesky = torch.linalg.cholesky_ex
    monkeypatch.setattr(torch.linalg, "cholesky_ex", failing)
    with pytest.raises(NamedProblem, match=r"^realisations 8: the Gram matrix .* weights: drawn"):
        run(params("vanilla", kernel_size=1, width=32), [7, 8], dataset(), CPU)


def test_noise_may_vanish_while_the_signal_lives():
    """In narrow batch-normalised networks all images but one fall together, and the noise sits on inactive units."""
    settings = params("bn_ff", kernel_size=1, width=3, batch_size=4, depth=120, measurements=6)
    table = run(settings, range(4), dataset(), CPU).to_pandas()
    last = table[(table["depth"] == 120) & (table["location"] == "output")].set_index("quantity")["value"]
    assert last["nu2_signal"].notna().all()
    assert last[["log_mu2_noise", "log_chi", "reff_noise"]].isna().any()
