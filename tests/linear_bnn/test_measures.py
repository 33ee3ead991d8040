"""What claims measure, on small tables of the tasks."""

import inspect

import numpy as np
import pytest
import yaml

from nnstatmech.linear_bnn import measures
from nnstatmech.planning.families import PACKAGE
from nnstatmech.readings import Measurement, NotMeasured

CLAIMS = yaml.safe_load((PACKAGE / "linear_bnn/claims.yaml").read_text(encoding="utf-8"))

ROUND_TRIP = {
    "score": ("regression", {"quantity": "accuracy", "split": "validation", "coupling": 0.2}),
    "at_epoch": ("classifier", {"quantity": "accuracy", "split": "validation", "epoch": 1}),
    "distance_to_untrained_law": ("classifier", {}),
    "transposed_ratio": ("classifier", {}),
    "implied_weight_deviation": ("classifier", {}),
    "input_norm": ("classifier", {}),
    "penalty_share": ("regression", {"coupling": 0.2}),
    "output_median": ("untrained", {}),
    "temperature_exponent": ("untrained", {}),
    "unnormalised_mass": ("norm_learning", {"coupling": 1}),
    "digit_outputs": ("neural_tangent", {"quantity": "outputs_deviation"}),
    "linearisation_exponent": ("neural_tangent", {"from_width": 8}),
    "posterior_variance_ratio": ("neural_tangent", {"width": 16}),
    "pruning_fit": ("path_pruning", {"parameter": "plateau"}),
    "prior_number": ("prior", {"quantity": "tail_residual", "network": "5", "position": 100000.0}),
    "ratio_to_process_law": ("exact", {"networks": ["16", "64"]}),
    "kurtosis_difference": ("prior", {"network": "5"}),
    "random_network_statistic": ("prior", {}),
    "silent_fraction": ("prior", {"network": "5"}),
    "tail_fraction": ("prior", {"network": "5", "beyond": 3.0}),
    "ladder_statistic": ("hmc", {}),
    "loss_bias": ("hmc", {}),
    "evidence_gain": ("full_data", {"network": "2", "beta": 10.0}),
    "full_data_number": ("full_data", {"quantity": "test_error", "network": "2", "beta": 10.0}),
    "sampled_ratio": ("full_data", {"quantity": "scale"}),
    "scale_over_saddle": ("full_data", {"network": "2", "beta": 10.0}),
    "passed_verdicts": ("samplers", {"sampler": "langevin"}),
    "sampler_loss_ratio": ("samplers", {"sampler": "langevin", "network": "16", "beta": 10.0}),
    "samplers_difference": ("outputs", {"quantity": "mean_loss"}),
    "script_distance": ("classifier", {}),
    "bessel_mass": ("classifier", {}),
    "one_sided_mass": ("classifier", {}),
    "two_layer_scale": ("full_data", {"width": 2, "beta": 10.0}),
    "foretold_accuracy": ("path_pruning", {}),
    "loss_over_saddle": ("outputs", {"network": "2", "beta": 1.0, "images": 10}),
    "energy_of_normaliser": ("norm_learning", {"correction": 0.6}),
    "loss_ratio": ("langevin", {"network": "2", "beta": 10}),
    "equipartition": ("hmc", {"network": "4", "beta": 10}),
    "bin_statistic": ("descent", {"network": "16", "samples": 64}),
    "true_distance": ("descent", {"network": "64"}),
    "least_converged": ("descent", {}),
    "selection_artefact": ("descent", {"network": "64", "multiple": 3}),
}


@pytest.mark.parametrize("name", ROUND_TRIP)
def test_every_measure_reads_a_table_made_by_its_task(tables, name):
    role, arguments = ROUND_TRIP[name]
    measured = getattr(measures, name)(tables[role], **arguments)
    assert isinstance(measured, Measurement)
    assert np.isfinite([measured.value, measured.standard_error]).all()


def test_the_list_above_holds_every_measure_and_claims_give_arguments_that_it_takes():
    functions = {
        name: function
        for name, function in inspect.getmembers(measures, inspect.isfunction)
        if function.__module__ == measures.__name__
    }
    assert set(functions) == set(ROUND_TRIP)
    for claim in CLAIMS:
        inspect.signature(functions[claim["measure"]]).bind(None, **claim.get("arguments", {}))


def test_values_of_known_size(tables):
    wrong = measures.prior_number(tables["prior"], "halved_argument_log2_mass", "5")
    assert wrong.value == pytest.approx(3, abs=1e-9)
    mass = measures.prior_number(tables["prior"], "total_mass", "5", activation="relu")
    assert mass.value == pytest.approx(31 / 32, abs=1e-9)
    assert measures.ratio_to_process_law(tables["exact"], ["64"]).value == pytest.approx(0.94, abs=0.01)
    assert measures.random_network_statistic(tables["prior"]).value < 80
    assert measures.ladder_statistic(tables["hmc"]).value == pytest.approx(29, abs=25)
    assert abs(measures.loss_bias(tables["hmc"]).value) < 0.3
    assert measures.silent_fraction(tables["prior"], "2").value == pytest.approx(0.25, abs=0.08)
    assert measures.tail_fraction(tables["prior"], "2", 1.0).value == pytest.approx(0.27, abs=0.08)
    difference = measures.energy_of_normaliser(tables["norm_learning"], 0.6).value
    assert difference == pytest.approx(-1 / 200 + 1.2 / (2.6 + 120), rel=1e-9)
    assert measures.bessel_mass(tables["classifier"]).value == pytest.approx(
        np.pi * measures.input_norm(tables["classifier"]).value / 64, rel=1e-5
    )
    assert measures.one_sided_mass(tables["classifier"]).value == pytest.approx(0.5, abs=0.15)
    assert measures.score(tables["regression"], "misplaced_accuracy", "test", 0.2).value < 0.3
    assert measures.implied_weight_deviation(tables["classifier"]).value == pytest.approx(1 / 8, rel=0.1)
    assert measures.loss_ratio(tables["langevin"], "2", 10).value > 1
    assert measures.equipartition(tables["hmc"], "4", 10).value == pytest.approx(1, abs=0.3)
    assert measures.bin_statistic(tables["descent"], "16", samples=200).value < 70
    assert measures.true_distance(tables["descent"], "64").value < 0.2
    assert measures.least_converged(tables["descent"]).value < 1
    # The tails beyond |y| = 5 hold 4e-4 of the mass; the closed form is 5.3888/1.6.
    assert measures.unnormalised_mass(tables["norm_learning"], 1.0).value == pytest.approx(5.3888 / 1.6, abs=5e-3)


def test_what_is_not_there_is_not_measured(tables):
    with pytest.raises(NotMeasured, match="10000 are needed"):
        measures.bin_statistic(tables["descent"], "16", samples=10_000)
    with pytest.raises(NotMeasured):
        measures.prior_number(tables["prior"], "total_mass", "999", activation="relu")
    with pytest.raises(NotMeasured):
        measures.linearisation_exponent(tables["neural_tangent"], 16)
    with pytest.raises(NotMeasured):
        measures.selection_artefact(tables["descent"], "1", 0.0)


def test_a_diverged_network_is_a_hole(tables):
    rows = tables["regression"]
    assert (rows.loc[rows["quantity"] == "diverged_epoch", "coupling"] == 400).all()
    lone = rows[~((rows["seed"] == 1) & (rows["epoch"] == rows["epoch"].max()))]
    lone.attrs = rows.attrs
    measured = measures.score(lone, "accuracy", "validation", 0.2)
    assert measured.holes == 1
    assert np.isnan(measured.standard_error)


def test_selecting_the_fast_networks_distorts_their_law():
    """Fast networks of width 2 have the lower half of the law, slow ones the upper half."""
    import pandas as pd

    law = (np.arange(3000) + 0.5) / 3000
    rows = [
        (network, 0, member, quantity, value)
        for network, slow_step in (("2", 5000), ("64", 1000))
        for member, probability in enumerate(law)
        for quantity, value in (("probability", probability), ("step", slow_step if probability > 0.5 else 1000))
    ]
    table = pd.DataFrame(rows, columns=["network", "seed", "member", "quantity", "value"])
    half = np.sqrt(1.5 * np.log(2) - 0.75 * np.log(3))  # of a uniform law to its lower half, in nats
    assert measures.selection_artefact(table, "2", 1.5).value == pytest.approx(half, abs=0.02)
    assert measures.selection_artefact(table, "2", 10).value < 0.02
    assert measures.selection_artefact(table, "64", 1.5).value < 0.02


def uniform_ensemble(networks: int, seed: int):
    """Networks that sample their exact law, by one seed."""
    import pandas as pd

    values = np.random.default_rng(seed).random(networks)
    rows = {"network": "4", "beta": np.nan, "seed": 0, "member": np.arange(networks), "quantity": "probability"}
    return pd.DataFrame(rows | {"value": values})


def test_groups_of_networks_that_sample_their_law_have_the_statistic_of_chance():
    measured = measures.bin_statistic(uniform_ensemble(20_000, 1), "4", 500)
    assert measured.degrees_of_freedom == 39
    assert measured.value == pytest.approx(29, abs=4 * np.sqrt(58 / 40))
    assert measured.standard_error == pytest.approx(np.sqrt(58 / 40), rel=0.5)
    whole = measures.bin_statistic(uniform_ensemble(20_000, 1), "4")
    assert whole.standard_error >= np.sqrt(58)


def test_every_claim_has_a_rival_and_an_allowance_that_is_small_beside_it():
    for claim in CLAIMS:
        assert claim["rival_is"], claim["id"]
        gap = abs(claim["expected"] - claim["rival"])
        assert claim.get("allowance", 0) <= gap / 4 + 1e-12, claim["id"]
