"""Figures of batch-normalised networks, drawn from small runs."""

import numpy as np
import pytest

from nnstatmech.moments import measures
from nnstatmech.moments.figures import batch_norm

from ..small import table
from .pictures import legends


@pytest.mark.parametrize("scale", ["laptop", "paper"])
@pytest.mark.parametrize(("draw", "architecture"), [(batch_norm.feedforward, "bn_ff"), (batch_norm.resnet, "bn_res")])
def test_one_run_gives_four_panels(draw, architecture, scale):
    figure = draw(table(architecture=architecture), scale=scale, published=architecture)
    assert len(figure.axes) == 4
    assert ("published" in legends(figure)) == (scale == "paper")
    figure.draw_without_rendering()


def test_overlay_can_be_switched():
    main = table(architecture="bn_ff")
    for switch in (True, False):
        for scale in ("laptop", "paper"):
            figure = batch_norm.feedforward(main, scale=scale, published="bn_ff", overlay_published=switch)
            assert ("published" in legends(figure)) == switch


@pytest.mark.parametrize(("draw", "architecture"), [(batch_norm.feedforward, "bn_ff"), (batch_norm.resnet, "bn_res")])
def test_a_sweep_gives_a_colour_a_run(draw, architecture):
    main = table(runs=({"epsilon": 0.1}, {"epsilon": 0.001}), architecture=architecture, kernel_size=1)
    figure = draw(main, table(architecture=architecture), scale="laptop")
    assert len(figure.axes) == 4
    told_apart = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told_apart == [
        r"$\epsilon=0.1$",
        r"$\epsilon=0.001$",
        r"convolutional, $\epsilon=0.001$",
    ]


def test_published_curves_of_a_sweep_are_found_by_batch_size():
    main = table(runs=({"batch_size": 16}, {"batch_size": 8}), architecture="bn_ff", kernel_size=1)
    published = {8: "bn_ff_fc_64", 32: "bn_ff_fc_512"}
    figure = batch_norm.feedforward(main, scale="paper", published=published)
    assert legends(figure).count("published") == 4  # of one batch size, in each panel


def test_growth_rate_in_the_picture_is_the_measured_one():
    main = table(architecture="bn_ff")
    rate = measures.growth_rate(main).value
    figure = batch_norm.feedforward(main, scale="laptop")
    (line,) = (line for line in figure.axes[1].get_lines() if "gamma" in line.get_label())
    assert line.get_label().endswith(f"={rate:.3f}$")
    slopes = np.diff(np.log(line.get_ydata())) / np.diff(line.get_xdata())
    np.testing.assert_allclose(slopes, rate)


def test_exponent_in_the_picture_is_the_measured_one():
    main = table(architecture="bn_res")
    figure = batch_norm.resnet(main, scale="laptop")
    assert any(f"l^{{{measures.resnet_exponent(main).value:.3f}}}" in text for text in legends(figure))


def test_papers_axes_at_paper_scale():
    figure = batch_norm.feedforward(table(architecture="bn_ff"), scale="paper")
    assert figure.axes[0].get_ylim() == pytest.approx((0.99, 1.4), rel=0.1)


def test_papers_axes_widen_to_what_is_drawn():
    main = table(architecture="bn_ff")
    main.loc[(main["quantity"] == "log_chi") & (main["location"] == "output") & (main["depth"] == 8), "value"] -= 0.5
    bottom, _ = batch_norm.feedforward(main, scale="paper").axes[0].get_ylim()
    assert bottom < 0.9
