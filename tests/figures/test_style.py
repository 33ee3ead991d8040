"""What stands below a figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from nnstatmech.figures import style


def frame_of(*shards):
    frame = pd.DataFrame()
    said = {"stand_in": False, "dataset_description": None, "commit": "c0ffee" * 7, "modified": False}
    frame.attrs["shards"] = [
        said | {"experiment": experiment, "run": run, "seeds": seeds} for experiment, run, seeds in shards
    ]
    return frame


@pytest.mark.parametrize(
    ("shards", "planned", "words"),
    [
        ([("a", "x", [0, 1]), ("a", "x", [2, 3])], {"a": 4}, "realisations: 4   |"),
        ([("a", "x", [0, 1])], {"a": 16}, "realisations: 2 of 16   |"),
        ([("a", "x", [0]), ("b", "x", [0, 1, 2])], {"a": 1, "b": 3}, "realisations: 1 to 3   |"),
        ([("a", "x", [0]), ("b", "x", [0, 1, 2])], {"a": 1, "b": 8}, "realisations: 1 to 3 of 1 to 8   |"),
        ([("a", "x", [0, 1, 2, 3])], {"a": 2}, "realisations: 4   |"),
    ],
)
def test_the_footer_says_how_many_realisations_there_are_of_how_many(shards, planned, words):
    drawing = {"scale": "paper", "data": "bundled", "realisations": planned}
    assert words in style.footer([frame_of(*shards)], drawing)


def test_the_footer_stands_below_a_legend_below_the_panels(tmp_path):
    figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
    axes.plot([0, 1], color="blue")
    figure.legend([Line2D([], [], color="red", linewidth=4)], ["entry"], loc="outside lower left")
    style.save(figure, str(tmp_path / "a.png"), str(tmp_path / "a.pdf"), "realisations: 4")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    red = np.flatnonzero((pixels == (255, 0, 0)).all(-1).any(1))
    below = np.flatnonzero((pixels[red.max() + 1 :] < 200).all(-1).any(1))
    gap = np.diff(below).max(initial=0)
    assert gap > 3, "between the legend and the footer there are rows without ink"


@pytest.mark.parametrize(("low", "high"), [(0.8, 1.1), (2.3, 11), (0.3, 40), (1e-3, 3), (1e-17, 10), (1, 1e4)])
def test_a_logarithmic_axis_has_three_labels(low, high):
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([0, 1], [low, high])
    axes.set_yscale("log")
    style.labelled_ticks(axes.yaxis)
    figure.draw_without_rendering()
    bottom, top = axes.get_ylim()
    ticks = [tick for tick in axes.yaxis.get_major_ticks() if bottom <= tick.get_loc() <= top]
    assert 3 <= sum(bool(tick.label1.get_text()) for tick in ticks) <= 10
    plt.close(figure)
