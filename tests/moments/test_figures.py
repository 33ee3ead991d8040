"""Figures and measures of the moments family, drawn from small runs of the engine."""

import numpy as np
import pandas as pd
import pytest
import torch

from nnstatmech.datasets import Dataset
from nnstatmech.moments import laws, measures
from nnstatmech.moments.curves import band, curve, raw
from nnstatmech.moments.figures import propagation as figures
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.published import published_curves
from nnstatmech.moments.tasks.propagation import run
from nnstatmech.readings import NotMeasured


def frame(count=4, runs=({},), **settings):
    """The long table of an experiment with one run for each of ``runs``."""
    images = np.random.default_rng(5).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    dataset = Dataset("cifar10", images, None, images[:0], None, "random pixels", stand_in=True)
    parts, parameters = [], {}
    for i, swept in enumerate(runs):
        defaults = {"depth": 8, "width": 16, "batch_size": 8, "measurements": 4}
        params = Propagation(**{**defaults, **settings, **swept})
        table = run(params, range(count), dataset, torch.device("cpu")).to_pandas()
        parts.append(table.assign(experiment="test", run=f"run{i}", **swept))
        parameters[f"run{i}"] = params.model_dump()
    table = pd.concat(parts, ignore_index=True)
    table.attrs["runs"] = parameters
    return table


def legends(figure):
    return [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]


DRAWINGS = [
    ("vanilla_histograms", {"architecture": "vanilla", "effective_ranks": "none"}, "vanilla_histo", 2),
    ("vanilla_sensitivity", {"architecture": "vanilla"}, "vanilla", 2),
    ("batch_norm_feedforward", {"architecture": "bn_ff"}, "bn_ff", 4),
    ("batch_norm_resnet", {"architecture": "bn_res"}, "bn_res", 4),
]


@pytest.mark.parametrize(("name", "settings", "published", "panels"), DRAWINGS)
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_figures(name, settings, published, panels, scale):
    figure = getattr(figures, name)({"test": frame(count=12, **settings)}, scale=scale, published=published)
    assert len(figure.axes) == panels
    overlaid = "published" in legends(figure)
    assert overlaid == (scale == "paper" and name != "vanilla_histograms")
    figure.draw_without_rendering()


def test_overlay_can_be_switched():
    tables = {"test": frame(architecture="bn_ff")}
    for switch in (True, False):
        for scale in ("laptop", "paper"):
            figure = figures.batch_norm_feedforward(tables, scale=scale, published="bn_ff", overlay_published=switch)
            assert ("published" in legends(figure)) == switch


def test_a_sweep_gives_a_row_of_panels_a_run():
    table = frame(runs=({"batch_size": 8}, {"batch_size": 16}), architecture="bn_ff", kernel_size=1)
    published = {8: "bn_ff_fc_64", 16: "bn_ff_fc_512"}
    figure = figures.batch_norm_feedforward({"test": table}, scale="paper", published=published)
    assert len(figure.axes) == 8


def test_widths_are_compared():
    tables = {
        name: frame(count=12, architecture="vanilla", effective_ranks="none", width=width)
        for name, width in (("narrow", 16), ("wide", 32))
    }
    figure = figures.vanilla_widths(tables, scale="laptop")
    assert {"$N=16$", "$N=32$", "$5l/N$", "$l/N$"} <= set(legends(figure))


def test_papers_axes_at_paper_scale():
    tables = {"test": frame(architecture="bn_ff")}
    assert figures.batch_norm_feedforward(tables, scale="paper").axes[0].get_ylim() == pytest.approx(
        (0.99, 1.4), rel=0.1
    )
    tables = {"test": frame(architecture="vanilla")}
    assert figures.vanilla_sensitivity(tables, scale="paper").axes[1].get_ylim()[0] == 0.6


# --- curves and measures --------------------------------------------------------------------------------------------


def test_curves_are_formed_within_a_realisation():
    table = frame(architecture="bn_res")
    chi = {at: np.exp(raw(table, at, "log_chi")) for at in ("input", "normalised", "preactivation", "output")}
    pd.testing.assert_frame_equal(curve(table, "delta_chi"), chi["preactivation"] / chi["input"], rtol=1e-12)
    pd.testing.assert_frame_equal(curve(table, "chi"), chi["output"])
    product = curve(table, "delta_BN_chi") * curve(table, "delta_phi_chi")
    pd.testing.assert_frame_equal(product, curve(table, "delta_chi"), rtol=1e-12)
    assert measures.product_identity(table).value < 1e-12


def test_unknown_curve():
    with pytest.raises(KeyError, match="no curve of vanilla"):
        curve(frame(architecture="vanilla"), "delta_BN_chi")


def test_band_is_mean_and_percentiles():
    values = pd.DataFrame({1: np.arange(101.0), 2: np.zeros(101)})
    assert band(values).loc[1].tolist() == pytest.approx([50, 16, 84])


def walk(width, count=400, **locations):
    """A table of random walks with the increments of a one-dimensional signal."""
    rng = np.random.default_rng(0)
    mean, variance = laws.log_increment_moments(width)
    depths = np.arange(50, 201, 50)
    steps = rng.normal(50 * mean, np.sqrt(50 * variance), (count, len(depths)))
    rows = [
        (seed, depth, "output", "nu2_signal", np.exp(value), "run0")
        for seed, path in enumerate(np.cumsum(steps, axis=1))
        for depth, value in zip(depths, path, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["seed", "depth", "location", "quantity", "value", "run"])
    table.attrs["runs"] = {"run0": {"width": width}}
    return table


def test_measures_of_diffusion_recover_the_law():
    table = walk(64)
    for measured in (measures.diffusion_drift(table), measures.diffusion_variance(table)):
        assert abs(measured.value - 1) < 4 * measured.standard_error
        assert 0.02 < measured.standard_error < 0.2
    scaling = measures.width_scaling({"a": walk(64), "b": walk(256)}, "log_nu2_signal")
    assert abs(scaling.value - 1) < 4 * scaling.standard_error


def test_lost_excess_rank():
    rows = [
        (seed, depth, "output", "reff_signal", rank * (1 + 0.01 * seed), "run0")
        for seed in (-1, 1)
        for depth, rank in ((4, 3.0), (10, 2.0), (30, 1.5), (40, 1.5))
    ]
    table = pd.DataFrame(rows, columns=["seed", "depth", "location", "quantity", "value", "run"])
    measured = measures.lost_excess_rank(table, "reff_signal", early=4)
    assert measured.value == pytest.approx(0.75, abs=1e-4)  # from two to a half above one
    assert measured.standard_error == pytest.approx(0.00375, rel=0.01)  # of 1.5 f / (3 f - 1) at f = 1 +- 0.01


def exponential(rate, count=20):
    rng = np.random.default_rng(1)
    rows = [
        (seed, depth, location, "log_chi", own * depth, "run0", 64)
        for seed, own in enumerate(rng.normal(rate, 0.001, count))
        for depth in range(10, 101, 10)
        for location in ("output", "normalised")
    ]
    return pd.DataFrame(rows, columns=["seed", "depth", "location", "quantity", "value", "run", "batch_size"])


def test_growth_rate():
    measured = measures.growth_rate(exponential(0.15))
    assert measured.value == pytest.approx(0.15, abs=4 * measured.standard_error)
    assert measured.standard_error == pytest.approx(0.001 / np.sqrt(20), rel=0.5)
    assert measures.growth_rate(exponential(0.15), batch_size=64) == measured
    with pytest.raises(NotMeasured, match="no run with"):
        measures.growth_rate(exponential(0.15), batch_size=128)
    with pytest.raises(NotMeasured, match="at least 2"):
        measures.growth_rate(exponential(0.15, count=1))


def test_power_law_of_the_published_means():
    """tau = 0.5490 from the published increments, which are means of ratios and agree with ratios of means to 1e-4."""
    rows = published_curves("bn_res")
    increments = rows[rows["quantity"] == "delta_chi"]["mean"]
    assert laws.power_law_exponent(increments.mean(), 2) == pytest.approx(0.54903, abs=1e-3)
    chi = rows[rows["quantity"] == "chi"].set_index("depth")["mean"]
    assert laws.power_law_prefactor(chi.index.to_numpy(float), chi.to_numpy(), 0.54903) == pytest.approx(
        1.10466, rel=1e-3
    )


def test_resnet_exponent_is_measured_with_its_error():
    table = frame(count=6, architecture="bn_res", residual_depth=1)
    measured = measures.resnet_exponent(table)
    after, before = (np.exp(raw(table, at, "log_chi")).mean() for at in ("preactivation", "input"))
    assert measured.value == pytest.approx(laws.power_law_exponent((after / before).mean(), 1))
    assert 0 < measured.standard_error < 0.1


def test_published_curves_hold_every_experiment():
    assert len(published_curves("bn_ff_fc_512")) == 8 * 100 + 9  # log chi at nine depths only
    with pytest.raises(KeyError, match="no published curves of 'bn'"):
        published_curves("bn")
