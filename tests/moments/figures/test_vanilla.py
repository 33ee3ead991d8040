"""Figures of vanilla networks, drawn from small runs."""

import pytest

from nnstatmech.moments.figures import vanilla

from ..small import table
from .pictures import legends


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_histograms(scale):
    main = table(12, architecture="vanilla", effective_ranks="none")
    figure = vanilla.histograms(main, scale=scale, published="vanilla_histo")
    assert len(figure.axes) == 2
    means = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    assert len(means) == (4 if scale == "paper" else 0)
    figure.draw_without_rendering()


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_sensitivity(scale):
    figure = vanilla.sensitivity(table(12, architecture="vanilla"), scale=scale, published="vanilla")
    assert len(figure.axes) == 2
    assert ("published" in legends(figure)) == (scale == "paper")
    figure.draw_without_rendering()


def test_zero_padding_has_no_one_dimensional_limit():
    for boundary, limit in (("periodic", True), ("zero_padding", False)):
        figure = vanilla.sensitivity(table(architecture="vanilla", boundary=boundary), scale="laptop")
        assert ("$1 + 3/(2N)$" in legends(figure)) == limit


def test_widths_are_compared():
    narrow, wide = (table(12, architecture="vanilla", effective_ranks="none", width=width) for width in (16, 32))
    figure = vanilla.histograms(wide, narrow, scale="laptop")
    assert {"$N=16$", "$N=32$", "$5l/N$", "$l/N$"} <= set(legends(figure))
    assert figure.axes[0].get_xlabel().endswith("$N=32$")


def test_papers_axes_at_paper_scale():
    figure = vanilla.sensitivity(table(architecture="vanilla"), scale="paper")
    assert figure.axes[1].get_ylim()[0] == 0.6
