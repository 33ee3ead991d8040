"""Every figure and every measure of the family takes what the tasks give, called from Python."""

import inspect

import pytest
import yaml
from matplotlib.figure import Figure

from nnstatmech.cascades import measures
from nnstatmech.cascades.figures import channel_images, decoded_images, law, losses, maps, prediction, trained_depths
from nnstatmech.cascades.params import (
    Channels,
    Classification,
    Entropies,
    Falling,
    Reconstruction,
    Scores,
    Trainability,
)
from nnstatmech.cascades.tasks import channels, classification, entropies, falling, reconstruction, scores, trainability
from nnstatmech.figures import style
from nnstatmech.planning.families import PACKAGE
from nnstatmech.readings import Measurement, NotMeasured

from .samples import labelled_blobs, task_table, together

MODULES = {module.__name__.rpartition(".")[2]: module for module in
           (channel_images, decoded_images, law, losses, maps, prediction, trained_depths)}  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    """A small table for every experiment of the family."""
    style.apply()
    grey, colour = labelled_blobs(side=12), labelled_blobs("cifar10", side=12, colours=3)
    variances = [0.5, 0.7, 1.0, 1.7, 2.5]
    dense = {"depth": 20, "resolution": 12, "weight_variances": variances, "evaluated_depths": 20}
    small = {"depth": 5, "resolution": 12, "channels": 3, "bias_variance": 2e-5, "weight_variances": variances}
    strengths = {f"ridge_{power}": dense | {"ridge_strength": 10.0**-power} for power in (1, 2, 3)}
    trained = dense | {"decoder": "adam", "presentations": 1280}
    short = {"resolution": 12, "presentations": 1000, "decoder_presentations": 1000}
    # Within 200 minibatches all of these networks train but the deep ones of small weights.
    grid = {"resolution": 6, "depths": [2, 20], "weight_variances": [0.5, 1.7]}
    taught, scored = grid | {"steps": 200, "measure_every": 200}, grid | {"presentations": [640], "train_images": 300}
    maps_of = {"resolution": 12, "channels": 3, "weight_variances": [0.5, 1.7], "bias_variance": 2e-5}
    walk = {"resolution": 6, "start_depth": 4, "variance_step": 0.5, "epochs": 3, "learning_rate": 0.02}
    cascades = task_table(entropies, Entropies, grey, case="method", **strengths, adam=trained)
    sources = {"mnist": grey, "cifar10": colour, "fashion_mnist": labelled_blobs("fashion_mnist", side=12)}
    return {
        "if_map": cascades,
        "if_cutoff_law": cascades,
        "if_theory": task_table(entropies, Entropies, grey, case="width", one=dense),
        "if_falling_cascades": task_table(
            entropies,
            Entropies,
            grey,
            case="network",
            **{f"sizes_{depth + 1}": dense | {"architecture": "shrinking", "depth": depth} for depth in (2, 4, 6)},
        ),
        "if_cnn": task_table(entropies, Entropies, grey, one=small | {"architecture": "cnn"}),
        "if_resnet": task_table(entropies, Entropies, grey, one=small | {"architecture": "resnet"}),
        "if_resnet_training": task_table(
            classification,
            Classification,
            grey,
            case="rate",
            **{name: small | {"steps": 2, "learning_rate": rate} for name, rate in (("low", 1e-3), ("high", 1e-2))},
        ),
        "if_trainability": task_table(
            trainability,
            Trainability,
            grey,
            one={"resolution": 6, "depths": [2, 10], "weight_variances": variances, "steps": 4, "measure_every": 2},
        ),
        "if_prediction_training": together(
            *(
                task_table(trainability, Trainability, source, case="dataset", **{name: taught})
                for name, source in sources.items()
            )
        ),
        "if_prediction_scores": together(
            *(task_table(scores, Scores, source, case="images", **{name: scored}) for name, source in sources.items()),
            task_table(scores, Scores, grey, case="images", noise=scored | {"inputs": "noise"}),
        ),
        "if_prediction_convolutions": task_table(
            classification,
            Classification,
            grey,
            **{
                f"{architecture}_{depth}": maps_of | {"architecture": architecture, "depth": depth, "steps": 2}
                for architecture in ("cnn", "resnet")
                for depth in (4, 6)
            },
        ),
        "if_prediction_convolution_scores": task_table(
            scores,
            Scores,
            grey,
            case="architecture",
            **{name: maps_of | {"architecture": name, "depths": [4, 6]} for name in ("cnn", "resnet")},
        ),
        "if_one_epoch": task_table(
            entropies,
            Entropies,
            grey,
            **{f"shown_{shown}": trained | {"presentations": shown} for shown in (640, 1280)},
        ),
        "if_falling": task_table(
            falling, Falling, colour, case="direction", **{d: walk | {"direction": d} for d in ("falling", "rising")}
        ),
        "if_scheme": task_table(reconstruction, Reconstruction, grey, one=short | {"architecture": "wide", "depth": 3}),
        "if_reconstruction": task_table(reconstruction, Reconstruction, grey, one=short | {"depth": 4}),
        "if_channels": task_table(
            channels,
            Channels,
            colour,
            one={"layers": [4, "M", 20], "resolution": 12, "steps": 4, "decoder_steps": 4, "strongest": {1: 2, 3: 20}},
        ),
    }


def entries(section):
    return yaml.safe_load((PACKAGE / "cascades" / f"{section}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", entries("figures"))
def test_figures_draw_what_tasks_give(tables, name):
    entry = entries("figures")[name]
    module, function = entry["draw"].split(".")
    draw = getattr(MODULES[module], function)
    roles = {role: tables[experiment] for role, experiment in entry["experiments"].items()}
    figure = draw(**roles, scale="laptop", **entry.get("options", {}))
    assert isinstance(figure, Figure)
    figure.canvas.draw()


def test_drawing_functions_alone_return_figures():
    """What says that it returns a figure takes tables by position and all else by keyword."""
    drawn = {entry["draw"] for entry in entries("figures").values()}
    for name, module in MODULES.items():
        for function, value in inspect.getmembers(module, inspect.isfunction):
            if value.__module__ == module.__name__ and value.__annotations__.get("return") is Figure:
                assert f"{name}.{function}" in drawn
                kinds = [parameter.kind for parameter in inspect.signature(value).parameters.values()]
                assert set(kinds) == {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


# What tables of so few, small and briefly trained networks can say. Claims' arguments are made for large ones.
SMALL_ARGUMENTS = {
    "weight_variance_of_peak": {"from_depth": 9, "to_depth": 12, "where": {"decoder": "ridge", "ridge_strength": 0.1}},
    "collapsed_entropy": {"correlation_depths": 2},
    "average_over_depths": {"weight_variances": [0.5, 0.7], "from_depth": 2, "to_depth": 5, "where": {}},
    "contrast_loss": {"weight_variances": [0.5, 0.7], "from_depth": 2, "to_depth": 5, "where": {"decoder": "ridge"}},
    "difference_from_map": {"weight_variances": [0.5, 0.7], "from_depth": 2, "to_depth": 12, "where": {}},
    "value_of_the_lost": {"correlation_depths": 2, "where": {}},
    "share_that_trains": {"lowest": 0.1, "highest": 2.0},
    "shrinking_reach": {"lowest": 0.1, "highest": 2.0},
    "cutoff_slope": {"weight_variances": [0.5, 0.7], "weakest": 1e-3, "strongest": 1e-1},
    "cutoff_depth": {"weight_variances": [0.5, 0.7], "strength": 1e-3},
    "effective_ridge_strength": {"weight_variances": [0.5, 0.7]},
    "mean_accuracy": {"depth": 10, "lowest": 0.5, "highest": 2.0},
    "accuracy_beyond": {"correlation_depths": 4},
    "accuracy_at_best_rate": {"weight_variances": [0.5, 0.7]},
    "prediction": {},
    "prediction_gain": {},
    "cutoff_gain": {"weight_variances": [0.5, 0.7], "few": 640, "many": 1280},
    "largest_falling_depth": {"lowest": 0.1, "highest": 2.0},
    "trained_over_reached": {"lowest": 0.1, "highest": 2.0},
    "entropy_boundary": {"weight_variance": 0.5, "threshold": -6, "decoder": "adam"},
    "law_deviation": {"weight_variances": [0.5, 0.7], "strength": 1e-3, "largest_aspect": 9},
    "law_ratio": {"weight_variances": [0.5, 0.7], "strength": 1e-3, "where": {}},
    "largest_fall": {"weight_variances": [0.5, 0.7], "where": {"resolution": 12}},
    "intended_classes": {},
    "image_accuracy": {},
}
SAID_BY_CLAIMS = {"quantity", "score", "over", "statistic", "dataset", "inputs"}
NOT_ALWAYS = {
    "weight_variance_of_peak",
    "effective_ridge_strength",
    "largest_falling_depth",
    "trained_over_reached",
    "shrinking_reach",
}


@pytest.mark.parametrize("claim", entries("claims"), ids=lambda claim: claim["id"])
def test_measures_read_what_tasks_give(tables, claim):
    measure = getattr(measures, claim["measure"])
    roles = claim.get("experiments", {"table": None})
    inspect.signature(measure).bind(**dict.fromkeys(roles), **claim.get("arguments", {}))
    known = inspect.signature(measure).parameters
    given = {name: value for name, value in claim.get("arguments", {}).items() if name in SAID_BY_CLAIMS}
    arguments = given | SMALL_ARGUMENTS[claim["measure"]]
    assert set(arguments) <= set(known)
    if claim.get("experiment") == "if_cnn":
        arguments |= {"where": {"decoder": "ridge"}, "from_depth": 2, "to_depth": 5} if "where" in arguments else {}
    try:
        if "experiments" in claim:
            found = measure(**{role: tables[name] for role, name in claim["experiments"].items()}, **arguments)
        else:
            found = measure(tables[claim["experiment"]], **arguments)
    except NotMeasured:
        assert claim["measure"] in NOT_ALWAYS
        return
    assert isinstance(found, Measurement)
    assert found.value == found.value
