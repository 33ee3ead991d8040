"""Every figure of the family draws from small tables of the engines: panels, legends and insets are there."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from nnstatmech.message_passing.curves.training import settings_of
from nnstatmech.message_passing.figures.committee import LEARNERS, committee
from nnstatmech.message_passing.figures.learning_curves import (
    bayesian_prediction,
    early_equations,
    learning_curves,
    reinforcement,
)
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
            rows.append((seed, case, epoch, layer, "overlap", 0.01 * (1 + epoch)))
            rows.append((seed, case, epoch, layer, "overlap_full", 0.5))
            rows.append((seed, case, epoch, layer, "sign_overlap", 0.02 * (1 + epoch)))
            rows.append((seed, case, epoch, layer, "largest_field", 10.0 ** (1 + epoch)))
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
    table.attrs["shards"] = [
        {"run": run, "stand_in": params.get("dataset") == "cifar10"} for run, (_, params) in runs.items()
    ]
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


def error_panels(figure):
    """The panels of errors: those with a letter, less the summary."""
    return [
        ax
        for ax in visible(figure)
        if ax.get_ylabel().endswith("error (%)") and not ax.get_ylabel().startswith("final")
    ]


def notes(figure):
    return [text.get_text() for ax in visible(figure) for text in ax.texts]


def test_one_panel_a_case_and_a_summary():
    cases = {"a": {"rho": 0.9}, "b": {"rho": 1.0}, "c": {"rho": 1.01}}
    table = training_table("mp_rho", runs_of(["bp", "amp", "mf"], cases=cases))
    figure = learning_curves(table, scale="laptop", vary="rho", columns=2, summary="test_error")
    titles = [ax.get_title() for ax in error_panels(figure)]
    assert titles == [r"$\rho - 1 = -0.1$", r"$\rho - 1 = 0$", r"$\rho - 1 = 10^{-2}$"]
    assert len(visible(figure)) == 3 * 3 + 1  # a panel and its two strips, three times, and the summary
    assert legend_texts(figure) == ["BP", "AMP (TAP)", "MF", "training set", "test set"]
    errors, polarisation, overlap = visible(figure)[:3]
    assert len(errors.get_lines()) == 6  # training and test error of three algorithms
    assert len(polarisation.get_lines()) == len(overlap.get_lines()) == 3
    figure.canvas.draw()


def test_the_lower_strip_is_the_overlap_off_the_diagonal():
    table = training_table("mp", runs_of(["bp"]))
    figure = learning_curves(table, scale="laptop", vary="rho", columns=1)
    overlap = visible(figure)[2]
    np.testing.assert_allclose(overlap.get_lines()[0].get_ydata(), 0.01 * np.arange(1, EPOCHS + 2))


def test_nothing_is_drawn_over_errors():
    """Strips stand below their panel, and notes in the corner that falling curves leave."""
    figure = learning_curves(training_table("mp", runs_of(["bp", "amp"])), scale="laptop", vary="rho", columns=1)
    figure.canvas.draw()
    errors, polarisation, overlap = (ax.get_window_extent() for ax in visible(figure)[:3])
    assert errors.y0 > polarisation.y1 > polarisation.y0 > overlap.y1
    assert not visible(figure)[0].child_axes


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
    assert len(error_panels(figure)) == 3
    assert notes(figure) == ["AMP: fields diverge in epoch 2"]
    assert error_panels(figure)[0].get_ylabel().startswith("neutral")


def test_reinforcement_in_three_panels():
    cases = {"r_0": {"reinforcement": 0.0}, "r_2": {"reinforcement": 0.2}, "r_12": {"reinforcement": 1.2}}
    neutral = training_table("mp_r", runs_of(["amp", "bpi", "mf"], cases=cases))
    draft = training_table("mp_r_seed", runs_of(["amp", "mf"], cases=cases))
    figure = reinforcement(neutral, draft, scale="laptop")
    curves, _, fields = figure.axes
    assert len(curves.get_lines()) == 3
    assert fields.get_yscale() == "log"
    assert legend_texts(figure) == ["$r = 0$", "$r = 0.2$", "$r = 1.2$"]
    figure.canvas.draw()


def test_a_broken_expansion_is_named_and_faint():
    table = training_table("mp", runs_of(["amp", "bp"]))
    ratios = pd.DataFrame(
        [(0, None, epoch, 0, "expansion_ratio", 5.0 - 2 * epoch) for epoch in range(1, EPOCHS)],
        columns=["seed", "case", "epoch", "layer", "quantity", "value"],
    ).assign(experiment="mp", run="algorithm=amp", algorithm="amp")
    broken = pd.concat([table, ratios], ignore_index=True)
    broken.attrs = table.attrs
    figure = learning_curves(broken, scale="laptop", vary="rho", columns=1)
    assert notes(figure) == ["AMP: expansion fails from epoch 2"]
    faint = [line for line in error_panels(figure)[0].get_lines() if line.get_alpha()]
    assert [list(line.get_xdata()) for line in faint] == [[2, 3, 4], [2, 3, 4]]


def test_the_baseline_takes_the_rate_of_the_smallest_training_error():
    """Cases come with errors that grow with their number, so the first is best; its rate is named in the panel."""
    rates = {"rate_3": {"learning_rate": 3.0}, "rate_10": {"learning_rate": 10.0}}
    table = training_table("mp", runs_of(["sgd", "bp"], cases=rates))
    chosen = [setting for setting in settings_of([table]) if setting.params["algorithm"] == "sgd"]
    assert [setting.case for setting in chosen] == ["rate_3"]
    worse = table.assign(
        value=table["value"].where((table["case"] != "rate_3") | (table["quantity"] != "train_error"), 49.0)
    )
    worse.attrs = table.attrs
    chosen = [setting for setting in settings_of([worse]) if setting.params["algorithm"] == "sgd"]
    assert [setting.case for setting in chosen] == ["rate_10"]
    figure = learning_curves(worse, scale="laptop", vary="batch_size", columns=1)
    assert "SGD: learning rate 10" in notes(figure)


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
    assert error_panels(figure)[0].get_title() == title
    figure.canvas.draw()


def test_early_equations():
    runs = {
        "early": ({"time": "early"}, {"algorithm": "amp", "epochs": EPOCHS, "reset_messages": False}),
        "present": ({"time": "present"}, {"algorithm": "amp", "epochs": EPOCHS}),
    }
    figure = early_equations(training_table("t", runs), scale="laptop")
    assert [len(ax.get_lines()) for ax in error_panels(figure)] == [2, 2]
    assert [len(ax.get_lines()) for ax in figure.axes] == [2, 1, 1, 2, 1, 1]


def test_bayesian_prediction():
    table = training_table("t", runs_of(["bp", "sgd"]))
    figure = bayesian_prediction(table, scale="laptop")
    assert "averaged over the posterior" in legend_texts(figure)
    figure.canvas.draw()


def test_bayesian_prediction_has_a_row_a_case_and_the_baseline_in_each():
    runs = runs_of(["bp"], cases={"a": {"rho": 1.0}, "b": {"rho": 0.9}})
    runs |= runs_of(["sgd"], cases={"rate_1": {"learning_rate": 1.0}})
    figure = bayesian_prediction(training_table("t", runs), scale="laptop", case_rows={"a": "first", "b": "second"})
    assert [ax.get_title() for ax in figure.axes] == ["odd against even, first", "odd against even, second"]
    assert [len(ax.get_lines()) for ax in figure.axes] == [4, 4]


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
    assert not any(text.get_text().startswith("(") for text in figure.axes[1].texts)  # CIFAR-10 is a stand-in
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
