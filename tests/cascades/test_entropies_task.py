"""The task `entropies`: rows, shards, phases."""

import numpy as np
import pytest

from nnstatmech.cascades.params import Entropies
from nnstatmech.cascades.tasks.entropies import decoded_layers, run, run_together
from nnstatmech.datasets import Dataset
from nnstatmech.storage.tables import require_finite, schema_of
from nnstatmech.theory.mean_field import MeanField

from .samples import CPU

SMALL = {"depth": 5, "resolution": 10, "channels": 4, "train_images": 200, "test_images": 40}


@pytest.fixture(scope="module")
def strokes():
    """Images of 16 x 16 pixels with a bright bar of random place, width and direction."""
    generator = np.random.default_rng(0)
    images = np.zeros((1300, 16, 16, 1), np.uint8)
    for image in images:
        start, width = generator.integers(0, 12), generator.integers(1, 5)
        canvas = image if generator.random() < 0.5 else image.transpose(1, 0, 2)
        canvas[start : start + width, generator.integers(0, 8) : generator.integers(9, 16)] = generator.integers(
            100, 256
        )
    return Dataset("mnist", images[:1000], None, images[1000:], None, "bars", True)


def table(dataset, seeds=(0,), **changes):
    return run(Entropies(**({"weight_variances": [1.0, 2.0]} | SMALL | changes)), list(seeds), dataset, CPU).to_pandas()


def values(frame, quantity):
    return frame[frame.quantity == quantity].pivot(index="depth", columns="weight_variance", values="value")


@pytest.mark.parametrize("architecture", ["wide", "shrinking", "cnn", "resnet"])
@pytest.mark.parametrize("decoder", ["ridge", "adam"])
def test_table(strokes, architecture, decoder):
    params = Entropies(
        weight_variances=[0.5, 1.5], architecture=architecture, decoder=decoder, presentations=128, **SMALL
    )
    assert len(decoded_layers(params)) == 5
    result = run(params, [0, 3], strokes, CPU)
    assert result.schema == schema_of(Entropies.columns)
    require_finite(result, "entropies")
    frame = result.to_pandas()
    of_images = frame.weight_variance.isna()
    # Square layers have a law, which needs the images' spectrum and mean square.
    assert of_images.sum() == (2 * (100 + 1) if architecture == "wide" else 0)
    over_depth, cutoffs = frame[frame.depth.notna()], frame[frame.depth.isna() & ~of_images]
    assert len(over_depth) == 2 * 2 * 5 * 8
    assert len(cutoffs) == 2 * 2 * 8
    assert not frame.duplicated(["seed", "weight_variance", "depth", "mode", "quantity"]).any()
    assert over_depth.value.notna().all()


@pytest.mark.parametrize("architecture", ["wide", "cnn"])
def test_shards_and_memory_change_nothing(strokes, architecture):
    keys = ["seed", "weight_variance", "depth", "mode", "quantity"]

    def values(seeds, **settings):
        found = table(strokes, seeds=seeds, architecture=architecture, **settings)
        return found.fillna({"weight_variance": -1.0, "depth": -1.0, "mode": -1.0}).set_index(keys).value.fillna(-1.0)

    together, apart = values((0, 1)), values((1,), memory=1e-6)
    # Entropies are logarithms of deviations, which amplify float32 rounding where little is left to decode.
    np.testing.assert_allclose(apart, together.loc[apart.index], rtol=2e-3, atol=2e-3)


def test_runs_together_are_those_alone(strokes):
    """Two strengths share their networks; trained decoders, and others' images, do not come between."""
    shared = {"weight_variances": [1.0, 2.0]} | SMALL
    runs = [
        Entropies(**shared, ridge_strength=1e-3),
        Entropies(**shared, decoder="adam", presentations=64),
        Entropies(**shared, ridge_strength=1e-2),
        Entropies(**shared | {"test_images": 30}),
    ]
    keys = ["seed", "weight_variance", "depth", "mode", "quantity"]
    for params, found in zip(runs, run_together(runs, [0, 1], strokes, CPU), strict=True):
        alone = run(params, [0, 1], strokes, CPU)
        assert found.schema == alone.schema
        together, alone = (one.to_pandas().fillna(-1.0).set_index(keys).value for one in (found, alone))
        np.testing.assert_allclose(together, alone.loc[together.index], rtol=2e-3, atol=2e-3)


def test_no_weights_leave_nothing_to_decode(strokes):
    frame = table(strokes, weight_variances=[0.0])
    assert values(frame, "differential_entropy").to_numpy() == pytest.approx(-19.30, abs=0.01)
    assert np.all(values(frame, "explained_variance") < 0.05)
    assert np.all(values(frame, "correlation") == 0)


def test_information_is_lost_monotonically(strokes):
    frame = table(strokes, depth=12)
    assert np.all(np.diff(values(frame, "explained_variance"), axis=0) < 0)
    assert np.all(np.diff(values(frame, "relative_entropy"), axis=0) > 0)


def test_phases_and_the_law_of_the_cutoff(strokes):
    """In the ordered phase every decade of λ costs ln(10) ξ_c layers; critical networks reach deepest."""
    cutoffs = {}
    for strength in (1e-2, 1e-4):
        frame = table(
            strokes, (0, 1, 2), weight_variances=[1.0, 1.76, 4.0], depth=40, ridge_strength=strength, resolution=12
        )
        lost = frame[frame.quantity == "cutoff_explained_variance"].groupby("weight_variance").value
        cutoffs[strength] = lost.mean().fillna(40)
        assert cutoffs[strength][1.76] > cutoffs[strength][1.0]
        assert cutoffs[strength][1.76] > cutoffs[strength][4.0]
    scale = MeanField(1.0, 0.05).correlation_depth
    gained = (cutoffs[1e-4][1.0] - cutoffs[1e-2][1.0]) / scale
    # ±10 %: at N = 144 the decay rate of a network scatters by a few percent, less between two λ of one network.
    assert gained == pytest.approx(2 * np.log(10), rel=0.1)


def test_images_are_needed():
    with pytest.raises(ValueError, match="need images"):
        run(Entropies(weight_variances=[1.0]), [0], None, CPU)
