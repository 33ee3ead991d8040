"""Maps and cutoffs are drawn from tables as the workflow hands them over, with theory computed in place."""

import numpy as np
import pytest

from nnstatmech.cascades.curves.law import law_ratios, moments_of
from nnstatmech.cascades.figures import law, losses, maps
from nnstatmech.cascades.params import Classification, Entropies
from nnstatmech.cascades.tasks import classification, entropies
from nnstatmech.cascades.theory import lost_depth
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


def test_lines_of_the_law_are_the_closed_form(dense):
    axes = drawn(losses.cutoff_law(dense, scale="laptop"))
    lines = [line for line in axes[0].lines if len(line.get_xdata()) == 25]
    assert len(lines) == 3  # σ_w² = 0.5, 1.0 and 1.7 are ordered
    strengths, depths = lines[1].get_data()
    field, moments = MeanField(1.0, 0.05), moments_of(dense)
    expected = lost_depth(field, moments, float(strengths[7]), 0.1, 36) / field.correlation_depth
    assert depths[7] == pytest.approx(expected)


def test_the_law_beside_maps_of_several_widths(dense, dataset):
    settings = {"depth": 12, "weight_variances": [0.5, 1.0]}
    runs = {
        "narrow": settings | {"resolution": 8},
        "wide": settings | {"resolution": 10},
        "deep": {"depth": 20, "weight_variances": [1.2], "resolution": 10},
    }
    widths = task_table(entropies, Entropies, dataset, **runs)
    axes = drawn(law.theory(widths, dense, scale="laptop"))
    assert len(axes) == 4
    assert [text.get_text() for text in axes[2].get_legend().get_texts()] == ["law", "N = 64", "N = 100"]
    # The two runs of one width are one series.
    assert [0.5, 1.0, 1.2] in [list(line.get_xdata()) for line in axes[2].lines]
    ratios = law_ratios(widths, [0.5, 1.0, 1.2], 1e-3)
    points = [line for line in axes[3].lines if line.get_label().startswith("N = ")]
    assert [line.get_label() for line in points] == ["N = 64", "N = 100"]
    found = np.concatenate([line.get_ydata() for line in points])
    np.testing.assert_allclose(np.sort(found), np.sort(ratios["ratio"]))


def test_the_originals_boundary_is_drawn_over_its_own_networks_alone(dense):
    def has_boundary(figure):
        return any("original" in str(line.get_label()) for ax in figure.axes for line in ax.lines)

    assert not has_boundary(maps.diff_entropy(dense, scale="paper"))  # 100 units
    same = dense.copy()
    runs = {run: params | {"resolution": 28} for run, params in dense.attrs["runs"].items()}
    same.attrs = {"runs": runs, "shards": []}
    assert has_boundary(maps.diff_entropy(same, scale="paper"))
    assert not has_boundary(maps.diff_entropy(same, scale="paper", overlay_published=False))
    same.attrs = {"runs": runs, "shards": [{"stand_in": True}]}
    assert not has_boundary(maps.diff_entropy(same, scale="paper", overlay_published=True))


def test_convolutional_maps(dataset):
    settings = {"depth": 5, "resolution": 10, "channels": 3, "bias_variance": 2e-5, "weight_variances": VARIANCES}
    cnn = task_table(entropies, Entropies, dataset, single=settings | {"architecture": "cnn"})
    assert len(drawn(maps.cnn(cnn, scale="laptop"))) == 2
    resnet = task_table(entropies, Entropies, dataset, single=settings | {"architecture": "resnet"})
    trained = task_table(classification, Classification, dataset, single=settings | {"steps": 2})
    figure = maps.resnet(resnet, trained, scale="laptop")
    assert len(drawn(figure)) == 3
    (strip,) = figure.axes[0].collections
    heights = strip.get_coordinates()[..., 1]
    assert heights.min() <= 0
    assert heights.max() >= 1
