"""Every figure of the configuration, drawn from tiny runs of its experiments, and the parts that all panels share."""

import importlib
import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nnstatmech.errors import NamedProblem
from nnstatmech.moments.figures import batch_norm, vanilla
from nnstatmech.moments.figures.panels import differences, paired_panel, shown

from ..small import laptop_plan, planned_table, table
from .pictures import legends, overlaps


@pytest.mark.parametrize("name", laptop_plan().settings.figures)
@pytest.mark.parametrize(
    ("scale", "overlay"), [("laptop", None), ("paper", None), ("laptop", True), ("laptop", False), ("paper", False)]
)
def test_tables_made_in_python_go_into_every_figure(name, scale, overlay):
    """With every setting of ``overlay_published`` that it takes, whether or not there are published curves."""
    figure = laptop_plan().settings.figures[name]
    module, _, function = figure.draw.rpartition(".")
    draw = getattr(importlib.import_module(f"nnstatmech.moments.figures.{module}"), function)
    roles = {role: planned_table(experiment) for role, experiment in figure.experiments.items()}
    takes = "overlay_published" in inspect.signature(draw).parameters
    drawn = draw(**roles, scale=scale, **figure.options | ({"overlay_published": overlay} if takes else {}))
    drawn.draw_without_rendering()
    assert not overlaps(drawn)


def test_published_curves_are_not_laid_over_stand_ins():
    main = table(architecture="vanilla")
    main.attrs["shards"][0]["stand_in"] = True
    assert "published" not in legends(vanilla.sensitivity(main, scale="paper", published="vanilla"))
    asked_for = vanilla.sensitivity(main, scale="paper", published="vanilla", overlay_published=True)
    assert "published" in legends(asked_for)


@pytest.mark.parametrize(
    ("draw", "architecture"),
    [(vanilla.histograms, "vanilla"), (vanilla.sensitivity, "vanilla"), (batch_norm.feedforward, "bn_ff")],
)
@pytest.mark.parametrize("dead", [1, 3, 4])
def test_dead_networks_are_counted_in_the_picture(draw, architecture, dead):
    """One, most or all of four realisations, from the third of four measured depths on."""
    main = table(architecture=architecture)
    main.loc[(main["seed"] < dead) & (main["depth"] > 4), "value"] = np.nan
    figure = draw(main, scale="laptop")
    figure.draw_without_rendering()
    text = " ".join(legends(figure))
    assert f"({dead} of 4 dead)" in text or f"{dead} of 4 networks died" in text


def test_runs_are_told_apart_by_what_differs():
    first = {"width": 8, "batch_size": 4, "kernel_size": 3, "boundary": "periodic", "epsilon": 0.001, "depth": 9}
    assert differences([first, first | {"width": 16, "batch_size": 2}]) == ["$N=8$", "$N=16$"]
    assert differences([first, first | {"batch_size": 2}]) == ["$B=4$", "$B=2$"]
    assert differences([first, first | {"kernel_size": 1}]) == ["convolutional", "fully connected"]
    assert differences([first, first | {"boundary": "zero_padding"}]) == ["periodic", "zero padding"]
    assert differences([first | {"epsilon": e} for e in (0.001, 0.0)]) == [r"$\epsilon=0.001$", r"$\epsilon=0$"]
    assert differences([first]) == [""]


def test_what_cannot_be_paired_is_said_in_the_panel():
    main, baseline = (table(architecture="bn_ff", width=width) for width in (16, 24))
    figure, ax = plt.subplots()
    paired_panel(ax, shown(main, baseline, "laptop"), "chi", None)
    plt.close(figure)
    assert ax.texts[0].get_text().replace("\n", " ") == "the tables differ in width: their realisations are not pairs"


def test_paired_change_in_the_picture():
    main, baseline = (table(architecture="bn_ff", epsilon=epsilon) for epsilon in (0.0, 1e-3))
    figure = batch_norm.feedforward(main, baseline, scale="laptop", paired=["nu1_abs_z"], paired_until=6)
    (drawn,) = figure.axes[4].containers
    assert drawn.lines[0].get_xdata().tolist() == [2, 4, 6]
    assert (drawn.lines[0].get_ydata() > 0).all()


def test_pairs_need_a_baseline():
    with pytest.raises(NamedProblem, match="option paired: chi is compared with a baseline"):
        batch_norm.feedforward(table(architecture="bn_ff"), scale="laptop", paired=["chi"])
