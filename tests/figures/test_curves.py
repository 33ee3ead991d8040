"""Curves are read back from a picture as they were drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from nnstatmech.figures.curves import COLUMNS, curves_of

X = np.array([1.0, 2.0, 3.0])


@pytest.fixture
def panels():
    figure, panels = plt.subplots(1, 2)
    yield panels
    plt.close(figure)


def curve(axes, label, panel=1):
    frame = curves_of(axes.figure)
    return frame[(frame["label"] == label) & (frame["panel"] == panel)].reset_index(drop=True)


def test_a_line_has_its_points_and_no_ends(panels):
    panels[1].plot(X, X**2, label="square")
    found = curve(panels[1], "square", panel=2)
    assert list(found.columns) == list(COLUMNS)
    assert found["y"].tolist() == [1.0, 4.0, 9.0]
    assert found[["low", "high"]].isna().all(axis=None)


def test_error_bars_give_their_ends_once(panels):
    panels[0].errorbar(X, X, yerr=[[0.1, 0.2, 0.3], [1, 2, 3]], capsize=2, label="bars")
    frame = curves_of(panels[0].figure)
    assert len(frame) == 3
    np.testing.assert_allclose(frame["low"], [0.9, 1.8, 2.7])
    np.testing.assert_allclose(frame["high"], [2, 4, 6])
    assert set(frame["label"]) == {"bars"}


def test_a_point_without_an_error_has_no_ends(panels):
    panels[0].errorbar(X, X, yerr=[0.1, np.nan, 0.3], label="bars")
    panels[1].errorbar(X, X, yerr=np.full(3, np.nan), label="none")
    frame = curve(panels[0], "bars")
    np.testing.assert_allclose(frame["low"], [0.9, np.nan, 2.7])
    np.testing.assert_allclose(frame["high"], [1.1, np.nan, 3.3])
    assert curve(panels[1], "none", panel=2)[["low", "high"]].isna().all(axis=None)


def test_a_band_belongs_to_the_line_of_its_colour_inside_it(panels):
    for shift, colour in ((0.0, "C0"), (0.5, "C1")):
        panels[0].plot(X, X + shift, color=colour, label=colour)
        panels[0].fill_between(X, X + shift - 1, X + shift + 2, color=colour, alpha=0.2)
    panels[0].plot(X, X, color="C2", label="alone")
    for shift, colour in ((0.0, "C0"), (0.5, "C1")):
        found = curve(panels[0], colour)
        np.testing.assert_allclose(found["low"], X + shift - 1)
        np.testing.assert_allclose(found["high"], X + shift + 2)
    assert curve(panels[0], "alone")["low"].isna().all()


def test_points_are_read_and_lines_across_the_panel_are_not(panels):
    panels[0].scatter(X, -X, label="points")
    panels[0].axhline(3)
    panels[0].axvline(3)
    frame = curves_of(panels[0].figure)
    pd.testing.assert_series_equal(frame["y"], pd.Series(-X, name="y"))


def test_a_picture_without_curves_is_an_empty_table(panels):
    panels[0].imshow(np.eye(3))
    frame = curves_of(panels[0].figure)
    assert frame.empty
    assert list(frame.columns) == list(COLUMNS)


def test_error_bars_without_points_are_an_empty_curve():
    figure, axes = plt.subplots()
    axes.errorbar([], [], [], label="none")
    axes.errorbar([1.0], [2.0], [0.5], label="one")
    assert curves_of(figure)[["label", "y", "low", "high"]].values.tolist() == [["one", 2.0, 1.5, 2.5]]
