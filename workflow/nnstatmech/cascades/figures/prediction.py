"""Scores of networks at initialisation beside what training makes of them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import labelled_ticks, panel_letter
from ...readings import parameters_of, runs_of, select
from ..curves.accuracies import accuracy_map
from ..curves.entropies import over_depth, scaled_cutoffs
from ..curves.prediction import RULES, TRAINED, pairs, table_of_scores
from ..tables import ClassificationTable, EntropiesTable, ScoresTable, TrainabilityTable
from .depth_axes import heat_map, legend_below, theory_lines

NAMES = {
    "differential_entropy": "differential entropy",
    "explained_variance": r"explained variance $R^2$",
    "relative_entropy": "relative entropy",
    "relative_entropy_coded": "relative entropy, as coded",
    "linear_probe": "linear probe",
    "gradient_ratio": "gradient ratio, activations",
    "weight_gradient_ratio": "gradient ratio, weights",
    "grad_norm": "norm of gradients",
    "ntk_condition": "condition of the tangent kernel",
    "correlation_depths": r"$-L/\xi_c$ (formula)",
    "shallowness": r"$-L$ (no score)",
    "rule_explained_variance": r"rule $R^2\geq 0.1$",
    "rule_correlation_depths": r"rule $L\leq 6\,\xi_c$",
}
INPUTS = {"mnist": "MNIST", "cifar10": "CIFAR-10, grey", "fashion_mnist": "Fashion-MNIST"}
ARCHITECTURES = {"cnn": "convolutional", "resnet": "residual"}
STATISTICS = {
    "auc": "AUC: order of a network\nthat trains and one that does not",
    "spearman": "Spearman correlation\nwith the accuracy",
    "overlap": "intersection over union of those\nsaid to train and those that do",
}
MARKERS = "osD^v<"


def prediction(
    truth: TrainabilityTable,
    scores: ScoresTable,
    convolutions: ClassificationTable,
    convolution_scores: ScoresTable,
    *,
    scale: str,
) -> Figure:
    """Accuracy over weight variance and depth, and how well each score says which networks train.

    ``truth`` and ``scores`` hold dense networks on several data sets, ``convolutions`` and ``convolution_scores``
    convolutional and residual ones. Of several learning rates the smallest is drawn.
    """
    rate = min(params["learning_rate"] for params, _ in runs_of(truth))
    truth = select(truth, learning_rate=rate)
    dense = [
        (label_of(learnt, params, step), table_of_scores(own, rows, step))
        for learnt, params, own, rows in pairs(truth, scores)
        for step in steps_of(own)
    ]
    others = [
        (ARCHITECTURES[params["architecture"]], table_of_scores(own, rows, learnt["steps"]))
        for learnt, params, own, rows in pairs(convolutions, convolution_scores)
    ]
    figure = Figure(figsize=(12, 8.8))
    grid = figure.add_gridspec(2, 4, height_ratios=(1, 1.5))
    first = truth["run"].unique()[0]
    image = parameters_of(select(truth, run=first))["dataset"]
    accuracies, legend = figure.add_subplot(grid[0, :2]), figure.add_subplot(grid[0, 2:])
    accuracy_panel(accuracies, select(truth, run=first), select(scores, dataset=image))
    accuracies.set_title(INPUTS.get(image, str(image)), fontsize=10)
    legend_panel(legend, dense + others)
    names = [*sorted((name for name in dense[0][1].index if name not in RULES), key=order_of), *RULES]
    below = [figure.add_subplot(grid[1, place]) for place in range(4)]
    for ax, (statistic, title) in zip(below, STATISTICS.items(), strict=False):
        score_panel(ax, dense + others, names, statistic, title)
    seconds_panel(below[-1], dense[0][1], names)
    below[0].set_yticks(below[0].get_yticks(), labels=[name_of(name) for name in names], fontsize=8)
    for ax in below[1:]:
        ax.set_yticks(below[0].get_yticks(), labels=[])
    for ax in below:
        ax.set_ylim(-0.7, len(names) - 0.3)
    for ax, letter in zip((accuracies, *below), "abcde", strict=True):
        panel_letter(ax, letter)
    return figure


def order_of(name: str) -> tuple[int, int]:
    """Where a score stands: in the order of :data:`NAMES`, ridge decoders before those trained by Adam."""
    base, *shown = name.split()
    return list(NAMES).index(base), int(shown[0]) if shown else 0


def steps_of(table: pd.DataFrame) -> list[int]:
    """The first and the last step at which the accuracy was measured."""
    steps = table["step"].dropna()
    return sorted({int(steps.min()), int(steps.max())})


def label_of(learnt: dict, params: dict, step: int) -> str:
    """What was scored and trained."""
    name = INPUTS.get(params["dataset"], params["dataset"])
    scored = f"{name}, scored on white noise" if params["inputs"] == "noise" else name
    return f"{scored}, {step} steps"


def accuracy_panel(ax: Axes, truth: pd.DataFrame, scores: pd.DataFrame) -> None:
    """Accuracy after the last step, with where cascades explain a tenth of the variance."""
    mesh = heat_map(ax, accuracy_map(truth), cmap="viridis", vmin=0.1, vmax=1)
    ax.figure.colorbar(mesh, ax=ax, label="test accuracy")
    ridge = scores[scores["presentations"].isna() & (scores["quantity"] == "explained_variance")]
    explained = over_depth(select(ridge, inputs="dataset"), "explained_variance").mean
    ax.contour(explained.columns, explained.index, explained, [RULES["rule_explained_variance"]], colors="tab:red")
    ax.plot([], [], color="tab:red", label=r"cascade's $R^2=0.1$")
    theory_lines(ax, parameters_of(truth)["bias_variance"], colour="white")
    ax.set_ylabel("depth of the network")
    legend_below(ax, dark=True)


def score_panel(ax: Axes, found: list[tuple[str, pd.DataFrame]], names: list[str], statistic: str, title: str) -> None:
    """One statistic of every score with its interval; a marker for each set of networks."""
    rows = np.arange(len(names))[::-1]
    for place, (label, table) in enumerate(found):
        shift = 0.7 * ((place + 0.5) / len(found) - 0.5)
        own = table.reindex(names)
        value, low, high = (own[(statistic, part)].to_numpy(float) for part in ("value", "low", "high"))
        reach = np.clip([value - low, high - value], 0, None)
        ax.errorbar(
            value, rows - shift, xerr=reach, fmt=MARKERS[place % len(MARKERS)], ms=3.5, lw=0.9,
            color=f"C{place}", label=label,
        )  # fmt: skip
    ax.set_yticks(rows)
    ax.set_xlabel(title, fontsize=9)


def name_of(name: str) -> str:
    """What a score is called."""
    base, *shown = name.split()
    return f"{NAMES[base]}, Adam {int(shown[0]) / 60000:g} epochs" if shown else NAMES[base]


def seconds_panel(ax: Axes, table: pd.DataFrame, names: list[str]) -> None:
    """What each score costs."""
    ax.plot(table[("seconds", "value")].reindex(names), np.arange(len(names))[::-1], "o", color="0.3", ms=5)
    ax.set_xscale("log")
    labelled_ticks(ax.xaxis)
    ax.set_xlabel("CPU seconds a network\n(median)", fontsize=9)


def legend_panel(ax: Axes, found: list[tuple[str, pd.DataFrame]]) -> None:
    """The markers of all panels, where nothing else is drawn."""
    ax.axis("off")
    for place, (label, _) in enumerate(found):
        ax.plot([], [], MARKERS[place % len(MARKERS)], color=f"C{place}", ms=5, label=label)
    ax.legend(
        loc="upper left", fontsize=9, title=f"networks, and the data they learn; trained: accuracy above {TRAINED:g}"
    )


def one_epoch(main: EntropiesTable, *, scale: str) -> Figure:
    """Depth at which information is lost over the images that decoders were shown, by two measures."""
    figure = Figure(figsize=(8.6, 3.9))
    variances = sorted(main["weight_variance"].dropna().unique())
    epochs = {run: params["presentations"] / 60000 for run, params in main.attrs["runs"].items()}
    panels = {
        "cutoff_explained_variance": r"where $R^2$ falls below 0.1",
        "cutoff_entropy": "where the entropy has fallen by 2 nats",
    }
    for ax, letter, (quantity, title) in zip(figure.subplots(1, 2, sharey=True), "ab", panels.items(), strict=True):
        rows = scaled_cutoffs(main, quantity, variances)
        rows = rows.assign(epochs=rows["run"].astype(str).map(epochs))
        for variance, own in rows.groupby("weight_variance"):
            curve = own.groupby("epochs")["depth"].agg(["mean", "sem"])
            ax.errorbar(
                curve.index, curve["mean"], curve["sem"], fmt="o-", ms=4, capsize=2, label=rf"$\sigma_w^2={variance:g}$"
            )
        ax.axvline(1, color="0.4", lw=1, ls=":")
        ax.set_xscale("log", base=2)
        ticks = sorted(set(epochs.values()))
        ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel("epochs of Adam (60 000 images each)")
        ax.set_title(title, fontsize=10)
        panel_letter(ax, letter)
        legend_below(ax)
    figure.axes[0].set_ylabel(r"cutoff / $\xi_c$")
    return figure
