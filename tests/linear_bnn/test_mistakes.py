"""Curves of the original's errors: each against a closed form, simulation, or rows that are put in by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import k0

from nnstatmech.linear_bnn.curves import classifier, mistakes
from nnstatmech.linear_bnn.logistic import Logistic


def test_without_prefactor_the_integral_is_pi_kappa(tables):
    kappa = classifier.kappa(tables["classifier"])
    half, _ = quad(lambda h: k0(h / kappa), 0, 60 * kappa, limit=200)
    assert mistakes.bessel_mass(tables["classifier"]) == pytest.approx(2 * half, rel=1e-6)


def test_each_kappa_has_one_error(tables):
    """64 units and pixels, σ² = 1/64."""
    table = tables["classifier"]
    norm, found = classifier.input_norm(table), mistakes.wrong_kappas(table)
    assert found["factor"] == pytest.approx(2 * np.pi / 64)
    assert found["norm"] == pytest.approx(945.2 / 64, rel=1e-6)
    assert found["sigma"] == pytest.approx(1e-4 * norm)


def test_logarithmic_densities_integrate_to_one():
    exponent = np.linspace(-8, 3, 4001)
    for width, kappa in ((784, 0.01), (3, 1.0)):
        density = mistakes.logarithmic_density(10**exponent, width, kappa)
        assert np.trapezoid(density, exponent) == pytest.approx(1, abs=1e-6)


def test_half_of_an_even_density_is_drawn(tables):
    """Of the even sample with both signs of each component."""
    table = tables["classifier"].copy()
    even = [None if h is None else np.concatenate([np.asarray(h), -np.asarray(h)]) for h in table["profile"]]
    table["profile"] = even
    table.attrs = tables["classifier"].attrs
    last = classifier.kept_epochs(table)[-1]
    for seed, mass in mistakes.one_sided_masses(table).items():
        h = classifier.components(table, last, seed=int(seed))
        assert 0.5 > mass > 0.5 - 1 / len(h)


def test_mean_lengths_are_those_of_random_networks(tables):
    lengths = mistakes.mean_lengths(tables["untrained"], [1.0, 2.0, 10.0])
    assert lengths["relu"] / lengths["relu"][0] == pytest.approx([1, 4, 100])
    assert lengths["cubed"] / lengths["cubed"][0] == pytest.approx([1, 16, 1e4])
    generator = np.random.default_rng(0)
    width, norm = 24, float(tables["untrained"].query("quantity == 'input_norm'")["value"].iloc[0])
    hidden = np.maximum(generator.standard_normal((4000, width)), 0) * norm
    outputs = np.linalg.norm(hidden, axis=1) * np.sqrt(generator.chisquare(width, 4000)) / width**2
    assert outputs.mean() == pytest.approx(lengths["relu"][0], abs=4 * outputs.std() / 4000**0.5)


def test_the_published_loss_is_the_trained_one_for_the_published_procedure(tables):
    """At the published penalty and mean over the outputs; at others both parts are converted."""
    table = tables["regression"]
    loss = mistakes.loss_as_published(table, 0.2)
    ours = table[(table["split"] == "train") & (table["coupling"] == 0.2)]
    parts = {
        name: ours[ours["quantity"] == name].groupby("epoch")["value"].mean() for name in ("squared_error", "penalty")
    }
    np.testing.assert_allclose(loss["error"], parts["squared_error"] / 100)
    np.testing.assert_allclose(loss["penalty"], 100 * parts["penalty"])


def test_labels_cannot_be_read_from_the_prediction_for_another_image(tables):
    right, wrong = mistakes.read_accuracies(tables["regression"], 0.2).values()
    assert wrong < 0.25
    assert right > wrong
    outputs = mistakes.shown_prediction(tables["regression"], 0.2)
    assert np.abs(outputs["prediction"] - outputs["misplaced_prediction"]).max() > 0.01


def test_a_logistic_law_is_foretold_and_another_is_not():
    paths = np.arange(1, 65)
    law = Logistic(0.2, 0.9, 8.0, 0.5)
    late = np.where(paths <= 16, law(paths), 0.5)
    for accuracies, expected in ((law(paths), 0.0), (late, 0.4)):
        rows = pd.DataFrame({"seed": 0, "paths": paths, "quantity": "pruned_accuracy", "value": accuracies})
        assert mistakes.foretold_differences(rows) == pytest.approx([expected], abs=0.01)
