"""Maps and cutoffs are drawn from tables as the workflow hands them over, with theory computed in place."""

import numpy as np
import pytest

from nnstatmech.cascades.figures import losses, maps
from nnstatmech.cascades.params import Classification, Entropies
from nnstatmech.cascades.tasks import classification, entropies
from nnstatmech.datasets import Dataset
from nnstatmech.figures import style
from nnstatmech.theory.mean_field import MeanField

from .samples import task_table

VARIANCES = [0.5, 1.0, 1.7, 2.5]


@pytest.fixture(scope="module", autouse=True)
def look():
    style.apply()


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(0)
    patterns = generator.random((12, 100))
    images = (generator.random((400, 12)) @ patterns * 40).clip(0, 255).astype(np.uint8).reshape(400, 10, 10, 1)
    labels = generator.integers(0, 10, 400)
    return Dataset("mnist", images[:300], labels[:300], images[300:], labels[300:], "patterns", True)


@pytest.fixture(scope="module")
def dense(dataset):
    settings = {"depth": 12, "resolution": 10, "weight_variances": VARIANCES}
    strengths = {f"ridge_{power}": settings | {"ridge_strength": 10.0**-power} for power in (1, 2, 3)}
    return task_table(
        entropies, Entropies, dataset, **strengths, adam=settings | {"decoder": "adam", "presentations": 128}
    )


def drawn(figure):
    figure.canvas.draw()
    return [ax for ax in figure.axes if ax.get_xlabel()]


def test_maps(dense):
    axes = drawn(maps.diff_entropy(dense, scale="laptop", map_strength=1e-3, peak_strength=1e-2))
    assert len(axes) == 3
    depths, sixfold = (line for line in axes[0].lines if line.get_label().endswith(r"\xi_c$"))
    place = np.abs(depths.get_xdata() - 1.0).argmin()
    expected = MeanField(float(depths.get_xdata()[place]), 0.05).correlation_depth
    assert depths.get_ydata()[place] == pytest.approx(expected)
    np.testing.assert_allclose(sixfold.get_ydata(), 6 * depths.get_ydata())


def test_curves_and_cutoffs(dense):
    curves = losses.rel_entropy(dense, scale="laptop", strength=1e-3, variances=[0.5, 2.4])
    assert len(drawn(curves)) == 2
    assert len(drawn(losses.cutoff_curves(dense, scale="laptop", strength=1e-3))) == 2


def test_law_has_unit_slope(dense):
    axes = drawn(losses.cutoff_law(dense, scale="laptop"))
    law = next(line for line in axes[0].lines if "ln" in str(line.get_label()))
    strengths, depths = law.get_data()
    assert np.diff(depths)[0] == pytest.approx(-np.diff(np.log(strengths))[0])


def test_convolutional_maps(dataset):
    settings = {"depth": 5, "resolution": 10, "channels": 3, "bias_variance": 2e-5, "weight_variances": VARIANCES}
    cnn = task_table(entropies, Entropies, dataset, single=settings | {"architecture": "cnn"})
    assert len(drawn(maps.cnn(cnn, scale="laptop"))) == 2
    resnet = task_table(entropies, Entropies, dataset, single=settings | {"architecture": "resnet"})
    trained = task_table(classification, Classification, dataset, single=settings | {"steps": 2})
    figure = maps.resnet(resnet, trained, scale="laptop")
    assert len(drawn(figure)) == 2
    (strip,) = figure.axes[0].collections
    heights = strip.get_coordinates()[..., 1]
    assert heights.min() <= 0
    assert heights.max() >= 1
