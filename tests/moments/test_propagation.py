"""Effective ranks, batching, streams, shards and errors of the engine."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nnstatmech.datasets import Dataset
from nnstatmech.moments import networks, statistics
from nnstatmech.moments.inputs import batches, normalise
from nnstatmech.moments.networks import GaussianWeights
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate
from nnstatmech.moments.statistics import column_means, covariance, effective_rank, lanczos, signal_moments
from nnstatmech.moments.tasks.propagation import columns, run

CPU = torch.device("cpu")


def dataset(count=60, side=8, channels=3, constant_edge=False):
    images = np.random.default_rng(5).integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    if constant_edge:
        images[:, 0] = 0
    return Dataset("cifar10", images, None, images[:0], None, "random pixels", stand_in=True)


def params(architecture="bn_ff", **settings):
    return Propagation(
        **{"architecture": architecture, "depth": 6, "width": 24, "batch_size": 8, "measurements": 3, **settings}
    )


def frame(*args):
    table = run(*args, dataset(), CPU)
    assert table.schema.equals(columns)
    return table.to_pandas().set_index(["seed", "depth", "location", "quantity"])["value"].astype(float).sort_index()


# --- statistics -----------------------------------------------------------------------------------------------------


def features(rows, channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator) * torch.linspace(0.1, 2, channels)
    return torch.randn(3, rows, channels, generator=generator) @ mixing + 1.5


@pytest.mark.parametrize(("rows", "channels"), [(200, 16), (10, 40), (16, 16)])
def test_effective_rank_is_that_of_a_full_decomposition(rows, channels):
    block = features(rows, channels)
    centred = block.double() - block.double().mean(1, keepdim=True)
    variances = torch.linalg.svdvals(centred) ** 2
    expected = variances.sum(1) / variances[:, 0]
    blocks = [block[:, : rows // 2], block[:, rows // 2 :]]
    found = effective_rank(covariance(blocks, column_means(blocks)))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("rows", [300, 4000])
def test_lanczos_finds_the_largest_eigenvalue(rows):
    """At the edge of a continuous (Marchenko-Pastur) spectrum, the hardest case, and for one dominant direction."""
    noise = torch.randn(2, rows, 256, generator=torch.Generator().manual_seed(1))
    noise[1] += 5 * torch.randn(rows, 1, generator=torch.Generator().manual_seed(2))
    matrices = covariance([noise], column_means([noise]))
    expected = torch.linalg.eigvalsh(matrices.double())[:, -1]
    torch.testing.assert_close(lanczos(matrices, statistics.LANCZOS_STEPS), expected, rtol=2e-5, atol=0)


def test_lanczos_of_a_matrix_of_rank_one():
    vector = torch.randn(1, 20, 1, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(lanczos(vector @ vector.mT, 128).float(), vector.square().sum((1, 2)), rtol=1e-5, atol=0)


def test_moments_are_those_of_their_definition(monkeypatch):
    monkeypatch.setitem(statistics.PIECE_BYTES, "cpu", 1000)  # many pieces
    block = features(101, 7)
    blocks = [block[:, :50], block[:, 50:]]
    found = signal_moments(blocks, column_means(blocks))
    exact = block.double()
    centred = exact - exact.mean(1, keepdim=True)
    for name, values in (
        ("nu1_abs_signal", exact.abs()),
        ("nu2_signal", exact**2),
        ("mu2_signal", centred**2),
        ("mu4_signal", centred**4),
    ):
        torch.testing.assert_close(found[name], values.mean((1, 2)), rtol=2e-6, atol=0)


# --- batches of realisations, blocks of images, shards --------------------------------------------------------------


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_a_realisation_does_not_depend_on_the_shard(architecture, kernel_size):
    settings = params(architecture, kernel_size=kernel_size)
    together = frame(settings, [0, 1, 2])
    apart = [frame(settings, [seed]) for seed in (2, 0, 1)]
    for part in apart:
        np.testing.assert_allclose(together.loc[part.index], part, rtol=2e-4, atol=2e-5)
    assert together.loc[0].sub(together.loc[1]).abs().max() > 0.01


@pytest.mark.parametrize("weights", ["drawn", "gram"])
def test_fully_connected_realisations_together_and_one_by_one(weights):
    """The same numbers up to rounding, which batch-normalised networks amplify by their sensitivity."""
    settings = params("bn_ff", kernel_size=1, weights=weights)
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(5, 8, 1, 1, 30, generator=generator)
    noise = torch.randn(signal.shape, generator=generator)
    together = propagate(settings, signal, noise, GaussianWeights(range(5), CPU))
    for seed in range(5):
        alone = propagate(settings, signal[seed, None], noise[seed, None], GaussianWeights([seed], CPU))
        for key, values in alone.items():
            torch.testing.assert_close(together[key][seed, None], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("boundary", ["periodic", "symmetric", "zero_padding"])
@pytest.mark.parametrize("architecture", ["vanilla", "bn_ff", "bn_res"])
def test_blocks_of_images_change_nothing(architecture, boundary, monkeypatch):
    settings = params(architecture, boundary=boundary)
    whole = frame(settings, [0])
    monkeypatch.setitem(networks.BLOCK_BYTES, "cpu", 2 * 2 * 16 * 24 * 4)  # two images each
    np.testing.assert_allclose(frame(settings, [0]), whole, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("measurements", [1, 2, 3, 6])
def test_measuring_does_not_disturb(measurements):
    """Fewer measurements give the same numbers at the depths that remain."""
    often = frame(params("vanilla", measurements=6), [0])
    seldom = frame(params("vanilla", measurements=measurements), [0])
    np.testing.assert_allclose(often.loc[seldom.index], seldom, rtol=1e-5, atol=1e-6)


def test_locations_depths_and_quantities():
    table = run(params("bn_res", measurements=2, effective_ranks="signal"), [4], dataset(), CPU)
    rows = table.to_pandas()
    assert sorted(rows["depth"].unique()) == [3, 6]
    assert set(rows["location"]) == {"input", "normalised", "activation", "preactivation", "output"}
    assert set(rows[rows["quantity"] == "reff_signal"]["location"]) == {"activation"}
    assert "reff_noise" not in set(rows["quantity"])
    assert len(rows) == 2 * (5 * 6 + 1)


def two_samples(settings, count):
    """Final log chi, noise and signal moments of ``count`` realisations on shared inputs."""
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(1, 8, 1, 1, 30, generator=generator).expand(count, -1, -1, -1, -1).contiguous()
    noise = torch.randn(1, 8, 1, 1, 30, generator=generator).expand(count, -1, -1, -1, -1).contiguous()
    found = propagate(settings, signal, noise, GaussianWeights(range(count), CPU))
    location = "output"
    return {
        "log_chi": found[location, "log_chi"][:, -1].numpy(),
        "nu2": found[location, "nu2_signal"][:, -1].log().numpy(),
        "reff": found[location, "reff_signal"][:, -1].numpy(),
        "reff_noise": found[location, "reff_noise"][:, -1].numpy(),
    }


@pytest.mark.parametrize(
    ("architecture", "width"),
    [("vanilla", 32), ("bn_ff", 32), ("bn_ff", 64)],  # double, double and single precision
)
def test_gram_trick_has_the_distribution_of_drawn_weights(architecture, width):
    """Means and standard deviations over 400 realisations each, within four standard errors."""
    count = 400
    drawn, gram = (
        two_samples(params(architecture, kernel_size=1, weights=weights, depth=12, width=width), count)
        for weights in ("drawn", "gram")
    )
    for name in drawn:
        a, b = drawn[name], gram[name]
        assert abs(a.mean() - b.mean()) < 4 * np.sqrt((a.var() + b.var()) / count), name
        # error of a standard deviation from the fourth moments: the samples need not be normal
        errors = [np.std((x - x.mean()) ** 2) / (2 * x.std() * np.sqrt(count)) for x in (a, b)]
        assert abs(a.std() - b.std()) < 4 * np.hypot(*errors), name


# --- inputs ---------------------------------------------------------------------------------------------------------


def test_inputs_are_normalised_channel_by_channel():
    for kernel_size in (1, 3):
        settings = params(kernel_size=kernel_size)
        (batch,) = batches(dataset(), settings, [3])
        assert batch.signal.shape == ((8, 1, 1, 192) if kernel_size == 1 else (8, 8, 8, 3))
        np.testing.assert_allclose(batch.signal.mean((0, 1, 2)), 0, atol=1e-6)
        np.testing.assert_allclose(batch.signal.std((0, 1, 2)), 1, atol=1e-6)


def test_published_stream_is_the_legacy_one_of_seed_zero():
    """Simulation i: a permutation of all images, of which the first B are taken, then the noise."""
    data, settings = dataset(), params(image_stream="published")
    np.random.seed(0)  # noqa: NPY002 (the stream in question)
    expected = []
    for _ in range(4):
        indices = np.random.permutation(len(data.train_images))[:8]  # noqa: NPY002
        expected.append((indices, np.random.normal(0, 1, (8, 8, 8, 3))))  # noqa: NPY002
    for seeds in ([0, 1, 2, 3], [3], [1, 2]):
        for seed, batch in zip(seeds, batches(data, settings, seeds), strict=True):
            indices, noise = expected[seed]
            np.testing.assert_allclose(batch.noise, noise, rtol=1e-6)
            np.testing.assert_allclose(batch.signal, normalise(data.train_images[indices]), atol=1e-6)


def test_flattened_images_with_constant_pixels_are_refused():
    data = dataset(constant_edge=True)
    with pytest.raises(ValueError, match=r"24 of 192 input channels are constant.*kernel_size = 1"):
        run(params(kernel_size=1), [0], data, CPU)
    assert run(params(kernel_size=3), [0], data, CPU).num_rows


def test_batch_larger_than_the_data_set():
    with pytest.raises(ValueError, match=r"batch_size = 61: data set 'cifar10' \(random pixels\) has only 60"):
        run(params(batch_size=61), [0], dataset(), CPU)


def test_an_experiment_without_a_data_set():
    with pytest.raises(ValueError, match="has to name a data set"):
        run(params(), [0], None, CPU)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measurements": 4}, "depth = 6: must be a multiple of measurements = 4"),
        ({"boundary": "symmetric", "kernel_size": 4}, "kernel_size = 4: must be odd"),
        ({"weights": "gram"}, "needs kernel_size = 1 and 2"),
        ({"weights": "gram", "kernel_size": 1, "batch_size": 13}, "batch_size = 13, width = 24"),
        ({"epsilon": -1e-3}, "greater than or equal to 0"),
        ({"architecture": "resnet"}, "'vanilla', 'bn_ff' or 'bn_res'"),
    ],
)
def test_parameters_out_of_range(settings, message):
    with pytest.raises(ValidationError, match=message):
        params(**settings)


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
