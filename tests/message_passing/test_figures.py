"""Every figure of the family draws from small tables of the engines: panels, legends and insets are there."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from nnstatmech.message_passing.figures.committee import LEARNERS, committee
from nnstatmech.message_passing.figures.learning_curves import bayesian_prediction, early_equations, learning_curves
from nnstatmech.message_passing.figures.perceptron import perceptron
from nnstatmech.message_passing.figures.table import error_table
from nnstatmech.message_passing.figures.timing import epoch_time
from nnstatmech.message_passing.params import Committee, Perceptron, Training

EPOCHS = 4


@pytest.fixture(autouse=True)
def no_window():
    mpl.use("Agg")
    yield
    plt.close("all")


def training_rows(seed, case, offset, diverged=False, layers=2):
    rows = [(seed, case, None, None, "samples", 1000.0)]
    for epoch in range(EPOCHS + 1):
        falling = 40 / (1 + epoch) + offset
        for quantity, value in (
            ("train_error", falling / 2),
            ("test_error", falling),
            ("bayes_test_error", 0.8 * falling),
            ("seconds_per_epoch", 0.1 + offset),
        ):
            rows.append((seed, case, epoch, None, quantity, value))
        for layer in range(layers):
            rows.append((seed, case, epoch, layer, "polarisation", 1 - 1 / (1 + epoch)))
            rows.append((seed, case, epoch, layer, "overlap_full", 0.01 * (1 + epoch)))
    if diverged:
        rows.append((seed, case, None, None, "diverged_epoch", 2.0))
    return rows


def training_table(experiment, runs, seeds=(0, 1)):
    """``runs``: run id to (axes, parameters); a run that diverges has reinforcement above 1."""
    frames = []
    for run, (axes, params) in runs.items():
        cases = params.get("cases") or {None: {}}
        rows = [
            row
            for number, (case, overrides) in enumerate(cases.items())
            for seed in seeds
            for row in training_rows(seed, case, number + seed, overrides.get("reinforcement", 0) > 1)
        ]
        frame = pd.DataFrame(rows, columns=["seed", "case", "epoch", "layer", "quantity", "value"])
        frames.append(frame.assign(experiment=experiment, run=run, **axes))
    table = pd.concat(frames, ignore_index=True)
    table.attrs["runs"] = {
        run: Training.model_validate({k: v for k, v in params.items() if k != "dataset"}).model_dump(mode="json")
        | {"dataset": params.get("dataset", "fashion_mnist")}
        for run, (_, params) in runs.items()
    }
    return table


def runs_of(algorithms, **params):
    return {
        f"algorithm={algorithm}": ({"algorithm": algorithm}, {"algorithm": algorithm, "epochs": EPOCHS, **params})
        for algorithm in algorithms
    }


def visible(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_one_panel_a_case_and_a_summary():
    cases = {"a": {"rho": 0.9}, "b": {"rho": 1.0}, "c": {"rho": 1.01}}
    table = training_table("mp_rho", runs_of(["bp", "amp", "mf"], cases=cases))
    figure = learning_curves(table, scale="laptop", vary="rho", columns=2, summary="test_error")
    titles = [ax.get_title() for ax in visible(figure)]
    assert titles[:3] == [r"$\rho - 1 = -0.1$", r"$\rho - 1 = 0$", r"$\rho - 1 = 10^{-2}$"]
    assert len(visible(figure)) == 4
    assert legend_texts(figure) == ["BP", "AMP (TAP)", "MF", "training set", "test set"]
    panel = figure.axes[0]
    assert len(panel.child_axes) == 2  # the two insets
    assert len(panel.get_lines()) == 6  # training and test error of three algorithms
    for small in panel.child_axes:
        assert len(small.get_lines()) == 3
    figure.canvas.draw()


def test_rows_of_panels_and_divergence():
    neutral = training_table("mp_r", runs_of(["amp"], cases={"r_0": {"reinforcement": 0.0}}))
    diverging = training_table(
        "mp_r_seed", runs_of(["amp"], cases={"r_0": {"reinforcement": 0.0}, "r_12": {"reinforcement": 1.2}})
    )
    figure = learning_curves(
        [neutral, diverging],
        scale="laptop",
        vary="reinforcement",
        table_rows=["neutral", "draft"],
    )
    assert len(visible(figure)) == 3
    texts = [text.get_text() for ax in visible(figure) for text in ax.texts]
    assert texts == ["AMP (TAP): fields diverge in epoch 2"]
    assert visible(figure)[0].get_ylabel().startswith("neutral")


@pytest.mark.parametrize(
    ("vary", "params", "title"),
    [
        ("psi", {"psi": 0.5}, r"$\psi = 0.5$"),
        ("epsilon", {"epsilon": 0.1}, r"$\epsilon = 0.1$"),
        ("max_sweeps", {"max_sweeps": 10}, r"$\tau_{\max} = 10$"),
        ("samples", {"batch_size": 10}, "$P = 1000$, batch 10"),
        ("hidden", {"hidden": [31, 31]}, "2 hidden layers of 31"),
        ("batch_size", {"batch_size": 16}, "batch size 16"),
    ],
)
def test_titles(vary, params, title):
    table = training_table("mp", runs_of(["amp"], **params))
    figure = learning_curves(table, scale="paper", vary=vary, columns=1)
    assert visible(figure)[0].get_title() == title
    figure.canvas.draw()


def test_early_equations():
    runs = {
        "early": ({"time": "early"}, {"algorithm": "amp", "epochs": EPOCHS, "reset_messages": False}),
        "present": ({"time": "present"}, {"algorithm": "amp", "epochs": EPOCHS}),
    }
    figure = early_equations(training_table("t", runs), scale="laptop")
    assert [len(ax.get_lines()) for ax in figure.axes[:2]] == [2, 2]


def test_bayesian_prediction():
    table = training_table("t", runs_of(["bp", "sgd"]))
    figure = bayesian_prediction(table, scale="laptop")
    assert "averaged over the posterior" in legend_texts(figure)
    figure.canvas.draw()


def test_error_table():
    runs = {
        f"{dataset}{labels}{rule}": (
            {"algorithm": rule},
            {"algorithm": rule, "epochs": EPOCHS, "dataset": dataset, "labels": labels},
        )
        for dataset in ("mnist", "cifar10")
        for labels in ("odd_even", "ten_classes")
        for rule in ("sgd", "bp", "amp", "mf")
    }
    figure = error_table(training_table("t", runs), scale="laptop")
    assert len(figure.axes) == 4
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "(1.4 ± 0.2)" in texts  # published: BP on MNIST, odd against even
    assert sum("±" in text and not text.startswith("(") for text in texts) == 4
    figure.canvas.draw()


def test_epoch_time():
    rows = [
        (seed, algorithm, batch, "epoch_seconds", 10.0 / batch * (1 + seed))
        for seed in (0, 1)
        for algorithm in ("bpi", "amp", "sgd")
        for batch in (1, 16, 128)
    ]
    table = pd.DataFrame(rows, columns=["seed", "algorithm", "batch_size", "quantity", "value"])
    with_published = epoch_time(table, scale="laptop")
    without = epoch_time(table, scale="laptop", overlay_published=False)
    ax, bare = with_published.axes[0], without.axes[0]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert len(ax.get_lines()) == len(bare.get_lines()) + 9  # five algorithms on a GPU, four on a processor


def test_committee():
    rng = np.random.default_rng(0)
    rows = []
    for learner in LEARNERS:
        for features in (5, 15):
            for seed in (0, 1):
                for quantity in ("train_error", "test_error", "equal_weights"):
                    rows.append((learner, seed, features, quantity, rng.random(), None))
            rows.append((learner, 0, features, "unit_overlaps", None, np.eye(3).ravel()))
    table = pd.DataFrame(rows, columns=["run", "seed", "features", "quantity", "value", "matrix"])
    table.attrs["runs"] = {name: Committee(algorithm=name).model_dump(mode="json") for name in LEARNERS}
    figure = committee(table, scale="laptop")
    axes = [ax for part in figure.subfigs for ax in part.axes]
    images = [image for ax in axes for image in ax.get_images()]
    assert len(images) == 4
    assert any("$N = 15$" in ax.get_ylabel() for ax in axes)
    figure.canvas.draw()


def perceptron_table(algorithms, problem):
    rows = [
        (algorithm, seed, 11, load, sweep, quantity, 0.1 * sweep)
        for algorithm in algorithms
        for seed in (0, 1)
        for load in (0.5, 1.0)
        for sweep in (0, 1, 2)
        for quantity in ("teacher_overlap", "self_overlap", "training_error")
    ]
    table = pd.DataFrame(rows, columns=["run", "seed", "inputs", "load", "sweep", "quantity", "value"])
    table.attrs["runs"] = {
        name: Perceptron(algorithm=name, problem=problem).model_dump(mode="json") for name in algorithms
    }
    return table


def test_perceptron():
    difference = pd.DataFrame(
        [
            ("r", size, seed, sweep, "distance_to_reference", 1 / size)
            for size in (11, 21, 41)
            for seed in (0, 1)
            for sweep in (0, 1, 2, 3)
        ],
        columns=["run", "inputs", "seed", "sweep", "quantity", "value"],
    )
    difference.attrs["runs"] = {"r": Perceptron(algorithm="bp", reference="amp").model_dump(mode="json")}
    overlaps = perceptron_table(("amp", "bp", "mf"), "teacher_student")
    capacity = perceptron_table(("amp", "bp", "bpi", "mf"), "random_labels")
    figure = perceptron(overlaps, difference, capacity, scale="laptop")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["(a)", "(b)", "(c)", "(d)"]
    assert figure.axes[2].get_ylabel() == "rms difference of $m$, BP and AMP"
    figure.canvas.draw()
