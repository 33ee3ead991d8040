"""A table that a task has just made goes into every measure and every drawing function of the family."""

import inspect
from functools import cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from message_passing.tables import table

from nnstatmech.message_passing import measures
from nnstatmech.message_passing.figures import (
    authors,
    calibration,
    channels,
    committee,
    continual,
    learning_curves,
    local_energy,
    perceptron,
    real_weights,
    timing,
)
from nnstatmech.message_passing.figures import table as error_table
from nnstatmech.readings import Measurement

SMALL = {"hidden": [11, 9], "batch_size": 20, "epochs": 3, "rho": [1.0, 1.0, 0.9]}


@pytest.fixture(autouse=True)
def no_window():
    mpl.use("Agg")
    yield
    plt.close("all")


@cache
def learned():
    runs = [{"algorithm": name, "labels": kind} for name in ("amp", "sgd") for kind in ("odd_even", "ten_classes")]
    return table("training", *runs, **SMALL, bayes=True)


@cache
def learned_cases():
    cases = [{"name": "weak", "rho": 0.9}, {"name": "strong", "rho": 1.6}]
    return table("training", {"algorithm": "amp"}, {"algorithm": "bp"}, **SMALL | {"epochs": 6}, cases=cases)


@cache
def early():
    return table("training", {"reset_messages": False}, {}, **SMALL)


@cache
def teachers():
    return table("perceptron", {"algorithm": "amp"}, {"algorithm": "mf"}, inputs=[51], loads=[0.5, 1.0, 6.0], sweeps=12)


@cache
def differences():
    runs = {"reference": "amp"}, {"reference": "bpi"}
    return table("perceptron", *runs, algorithm="bp", inputs=[21, 41, 81], loads=[1.0], sweeps=3)


@cache
def random_problems():
    return table("perceptron", {"algorithm": "amp"}, problem="random_labels", inputs=[51], loads=[0.2, 0.6], sweeps=30)


@cache
def committees():
    sizes = {"features": [5, 15], "matrix_features": [15], "hidden_units": 5, "latent_dimension": 11, "samples": 22}
    runs = [{"algorithm": "online_bp", "epochs": 3}, {"algorithm": "sbpi", "epochs": 5}]
    return table("committee", *runs, **sizes)


@cache
def times():
    return table("timing", batch_sizes=[2, 4, 8], batches=[3, 2, 2], hidden=[7, 7], samples=100)


def activations(*names):
    return [{"activations": list(name)} for name in names]


@cache
def signals():
    return table("channels", *activations(["sign"], ["relu"]), shapes=[[6, 4]], exact="enumeration", sweeps=20)


@cache
def large_signals():
    return table(
        "channels", *activations(["sign"], ["identity"]), shapes=[[40, 20], [40, 40]], algorithms=["amp"], sweeps=9
    )


@cache
def linear_signals():
    shared = {"prior": "gaussian", "exact": "linear", "algorithms": ["bp", "amp", "bp_cavity"], "sweeps": 20}
    return table("channels", *activations(["identity"]), shapes=[[8, 4], [16, 8], [32, 16]], **shared)


@cache
def learned_weights():
    shared = {"unknown": "weights", "shapes": [[8, 3, 1], [16, 5, 1], [24, 5, 1]], "patterns": [4, 8, 12]}
    runs = activations(["relu", "sign"], ["sign", "sign"])
    return table("channels", *runs, **shared, bias=0.5, algorithms=["bp", "amp"], sweeps=2, psi=0.0)


@cache
def evidence():
    shared = {"unknown": "weights", "shapes": [[7, 1]], "patterns": [1, 3], "algorithms": ["bp_cavity", "amp"]}
    return table("channels", *activations(["sign"], ["relu"]), **shared, exact="enumeration", noise=0.3, sweeps=20)


@cache
def large_evidence():
    shared = {"unknown": "weights", "shapes": [[50, 1]], "patterns": [25, 50], "algorithms": ["amp", "mf"]}
    return table("channels", *activations(["sign"]), **shared, sweeps=9, psi=0.0)


@cache
def specialising():
    return table("specialisation", {"units": 1}, {"units": 2}, loads=[0.5, 1.0], inputs=60, sweeps=5)


SEQUENCE = {"hidden": [11], "batch_size": 20, "tasks": 2, "labels": "ten_classes", "rho": 1.0}


@cache
def sequences():
    rates = [{"name": "slow", "learning_rate": 1.0}, {"name": "fast", "learning_rate": 5.0}]
    runs = [{"label_noise": noise, "bayes": True} for noise in (0.0, 0.3)]
    runs += [{"algorithm": "sgd", "cases": rates} | own for own in ({}, {"metaplasticity": 1.0}, {"rehearsal": True})]
    return table("continual", *runs, **SEQUENCE, epochs=1)


@cache
def longer_sequences():
    runs = [{"epochs": epochs, "algorithm": rule} for epochs in (1, 2) for rule in ("amp", "sgd")]
    return table("continual", *runs, **SEQUENCE)


JUDGED = {"hidden": [11, 9], "batch_size": 20, "networks": 9, "test_samples": 150}


@cache
def judged():
    return table("calibration", {"algorithm": "amp"}, {"algorithm": "sgd"}, **JUDGED, checkpoints=[1, 2], unseen=[9])


@cache
def judged_sizes():
    runs = [{"samples": 100, "checkpoints": [4]}, {"samples": 200, "checkpoints": [2]}]
    return table("calibration", *runs, **JUDGED)


@cache
def repeated():
    return table("repetition", inputs=7, patterns=[3, 5], passes=[1, 2], instances=9, test_patterns=9)


@cache
def flipped():
    return table("local_energy", {"algorithm": "amp"}, {"algorithm": "sgd"}, **SMALL, fractions=[0.1, 0.3], draws=2)


@cache
def real():
    return table("training", {"weights": "continuous"}, {"weights": "binary"}, **SMALL, bayes=True)


ODD_EVEN = {"algorithm": "amp", "labels": "odd_even"}
MEASURES = {
    "perceptron_overlap": (teachers, {"algorithm": "amp", "load": 1.0}),
    "nishimori_gap": (teachers, {"algorithm": "amp", "load": 1.0}),
    "trajectory_gap": (teachers, {"algorithm": "amp", "load": 0.5, "sweeps": 3}),
    "recovery_threshold": (teachers, {"algorithm": "amp"}),
    "solved_fraction": (random_problems, {"algorithm": "amp", "load": 0.2}),
    "distance": (differences, {"reference": "bpi", "sweep": 3, "inputs": 41}),
    "distance_exponent": (differences, {"reference": "amp", "sweep": 3}),
    "final_value": (learned, {"quantity": "test_error", "where": ODD_EVEN}),
    "value_at": (learned, {"quantity": "test_error", "epoch": 1, "where": ODD_EVEN}),
    "largest_of_a_run": (learned, {"quantity": "polarisation", "where": ODD_EVEN | {"layer": 0}}),
    "field_growth": (learned_cases, {"where": {"algorithm": "bp", "case": "strong", "layer": 0}}),
    "final_difference": (
        learned_cases,
        {
            "quantity": "test_error",
            "first": {"algorithm": "amp", "case": "weak"},
            "second": {"algorithm": "amp", "case": "strong"},
        },
    ),
    "difference_of_quantities": (learned, {"first": "bayes_test_error", "second": "test_error", "where": ODD_EVEN}),
    "diverged_fraction": (learned_cases, {"where": {"case": "strong"}}),
    "committee_value": (committees, {"algorithm": "sbpi", "quantity": "test_error", "features": 15}),
    "committee_drop": (committees, {"algorithm": "online_bp", "quantity": "test_error", "smaller": 5, "larger": 15}),
    "time_ratio": (times, {"algorithm": "bpi", "reference": "amp", "batch_size": 4}),
    "time_exponent": (times, {"algorithm": "amp", "largest_batch": 8}),
    "channel_error": (signals, {"quantity": "marginal_error", "algorithm": "amp", "where": {"activations": ["sign"]}}),
    "channel_error_difference": (
        signals,
        {"quantity": "marginal_error", "first": "mf", "second": "amp", "where": {"activations": ["relu"]}},
    ),
    "channel_error_exponent": (linear_signals, {"quantity": "variance_error", "algorithm": "amp", "where": {}}),
    "evolution_gap": (large_signals, {"load": 0.5, "where": {"activations": ["sign"]}}),
    "evidence_gap": (large_evidence, {"load": 0.5, "where": {}}),
    "evidence_error": (evidence, {"algorithm": "amp", "patterns": 3, "where": {"activations": ["sign"]}}),
    "specialisation": (specialising, {"load": 0.5, "start": "perturbed", "where": {"units": 2}}),
    "specialisation_gap": (
        specialising,
        {"quantity": "own_overlap", "load": 0.5, "start": "perturbed", "where": {"units": 2}},
    ),
    "memory_value": (sequences, {"statistic": "transfer", "where": {"label_noise": 0.3}}),
    "memory_difference": (
        sequences,
        {
            "statistic": "mean",
            "first": {"label_noise": 0.3},
            "second": {"label_noise": 0.0, "algorithm": "amp"},
            "quantity": "bayes_test_accuracy",
        },
    ),
    "surprise_ratio": (sequences, {"where": {"label_noise": 0.3}}),
    "calibration_value": (
        judged,
        {"quantity": "slope", "prediction": "sampled", "epoch": 2, "where": {"algorithm": "amp"}},
    ),
    "calibration_fall": (
        judged,
        {"quantity": "slope", "prediction": "analytic", "early": 1, "late": 2, "where": {"algorithm": "amp"}},
    ),
    "excess_calibration_error": (judged, {"prediction": "sigmoid", "epoch": 2, "where": {"algorithm": "sgd"}}),
    "repetition_slope": (repeated, {"rule": "ep", "patterns": 5, "passes": 2}),
    "local_energy_difference": (flipped, {"flipped": 0.3, "first": "amp", "second": "sgd"}),
}
FIGURES = [
    (learning_curves.learning_curves, [learned_cases], {"vary": "rho", "summary": "test_error"}),
    (learning_curves.learning_curves, [learned], {"vary": "batch_size", "dataset_rows": {"mnist": "MNIST"}}),
    (learning_curves.early_equations, [early], {}),
    (learning_curves.reinforcement, [learned_cases, learned_cases], {}),
    (learning_curves.bayesian_prediction, [learned], {}),
    (perceptron.perceptron, [teachers, differences, random_problems], {}),
    (committee.committee, [committees], {}),
    (timing.epoch_time, [times], {}),
    (error_table.error_table, [learned], {"overlay_published": False}),
    (error_table.error_table, [learned], {}),
    (channels.channels, [signals, large_signals, linear_signals, learned_weights], {}),
    (channels.free_entropies, [evidence, large_evidence, specialising], {}),
    (continual.continual, [sequences, longer_sequences], {}),
    (calibration.calibration, [judged, judged_sizes, judged, repeated], {}),
    (local_energy.local_energy, [flipped], {"overlay_published": True}),
    (real_weights.real_weights, [real, large_evidence], {}),
    (
        authors.authors,
        [learned, learned, learned],
        {"figures": dict.fromkeys(("narrow", "wide", "parity"), "501-501.mnist.2class"), "overlay_published": True},
    ),
]


def own_functions(module) -> set[str]:
    return {
        name for name, item in vars(module).items() if inspect.isfunction(item) and item.__module__ == module.__name__
    }


def test_every_measure_is_tried():
    assert own_functions(measures) == set(MEASURES)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_reads_it(name):
    make, arguments = MEASURES[name]
    measured = getattr(measures, name)(make(), **arguments)
    assert isinstance(measured, Measurement)
    assert np.isfinite([measured.value, measured.standard_error]).all()


@pytest.mark.parametrize(("draw", "tables", "options"), FIGURES)
def test_every_figure_draws_it(draw, tables, options):
    figure = draw(*(make() for make in tables), scale="laptop", **options)
    figure.canvas.draw()


def test_a_measure_that_mixes_settings_is_refused():
    with pytest.raises(ValueError, match="more than one setting"):
        measures.final_value(learned(), "test_error", {"labels": "odd_even"})
