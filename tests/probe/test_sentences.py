"""Diagnoses: what is found in tables that are made by hand, and in networks of which theory says what they do."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from nnstatmech.probe import examples
from nnstatmech.probe.probe import probe_model
from nnstatmech.probe.sentences import CONVENTIONS, READERS, RESOLUTION, diagnose


def table(blocks=21, head=True, seeds=1, batch_norm=None, **curves):
    """A table with given quantities, functions of the block's number."""
    rows = []
    for seed in range(seeds):
        for block in range(blocks + 1):
            for quantity, function in curves.items():
                rows.append(
                    {
                        "state": 0,
                        "seed": seed,
                        "block": block,
                        "name": f"layer{block}",
                        "kind": "Linear",
                        "shape": "8",
                        "parameters": 8 if block else 0,
                        "multiply_adds": 8 if block else 0,
                        "batch_norm": batch_norm,
                        "quantity": quantity,
                        "value": function(block),
                    }
                )
    return pd.DataFrame(rows)


def kinds(found):
    return [finding.kind for finding in found]


def test_a_healthy_network_gives_no_finding():
    healthy = table(
        reff_signal=lambda depth: 8.0,
        log_chi=lambda depth: 0.02 * depth,
        contrast=lambda depth: 0.5,
        kept_similarity=lambda depth: 0.9,
        kept_similarity_error=lambda depth: 0.01,
        log_gradient=lambda depth: 0.1,
        r2=lambda depth: 0.8,
        rows_per_feature=lambda depth: 10.0,
        dead_units=lambda depth: 0.0,
    )
    assert diagnose(healthy) == []


def test_one_dimensional_signal_has_to_have_been_more():
    falling = diagnose(table(reff_signal=lambda depth: max(1.0, 10.0 - depth)))
    assert kinds(falling) == ["one_dimensional_signal"]
    assert falling[0].block == 9
    assert "block 9 of 21 (layer9)" in falling[0].sentence
    assert falling[0].value == 1.0
    assert diagnose(table(reff_signal=lambda depth: 1.0)) == []  # one channel from the beginning
    assert diagnose(table(reff_signal=lambda depth: 1.2 if depth == 9 else 5.0)) == []  # it comes back


def test_exponentials_and_power_laws_are_told_apart():
    (exponential,) = diagnose(table(log_chi=lambda depth: 0.2 * depth))
    assert exponential.kind == "exploding_sensitivity"
    assert "explodes: χ grows exponentially, as e^(+0.200 l)" in exponential.sentence
    (power,) = diagnose(table(blocks=101, log_chi=lambda depth: 1.5 * math.log(max(depth, 1))))
    assert power.kind == "exploding_sensitivity"
    assert "as a power law, l^(+1.50)" in power.sentence
    (vanishing,) = diagnose(table(log_chi=lambda depth: -0.2 * depth))
    assert vanishing.kind == "vanishing_sensitivity"
    assert "vanishes" in vanishing.sentence
    assert diagnose(table(log_chi=lambda depth: 0.1 * depth)) == []  # χ = e² only


def test_gradients():
    (exploding,) = diagnose(table(log_gradient=lambda depth: -0.3 * depth))
    assert exploding.kind == "exploding_gradient"
    assert exploding.value == pytest.approx(6.0)
    found = diagnose(table(log_gradient=lambda depth: 0.5 * depth))
    assert kinds(found) == ["vanishing_gradient", "gradient_risk"]
    assert "risk" in found[1].sentence
    assert diagnose(table(log_gradient=lambda depth: 0.2 * depth)) == []


def test_correlations():
    (alike,) = diagnose(table(contrast=lambda depth: 10.0 ** (-depth)))
    assert alike.kind == "correlation_collapse"
    assert alike.block == 7  # 1e-7 is below what float32 resolves
    forgotten = table(
        contrast=lambda depth: 0.9,
        kept_similarity=lambda depth: math.exp(-depth),
        kept_similarity_error=lambda depth: 0.01,
    )
    (finding,) = diagnose(forgotten)
    assert (finding.kind, finding.block) == ("forgotten_similarity", 4)


def test_reconstructions_say_nothing_with_too_few_images():
    (lost,) = diagnose(table(r2=lambda depth: 1 - 0.095 * depth, rows_per_feature=lambda depth: 10.0))
    assert (lost.kind, lost.block) == ("not_reconstructible", 10)
    (few,) = diagnose(
        table(r2=lambda depth: 1 - 0.095 * depth, rows_per_feature=lambda depth: 0.5 if depth > 2 else 10.0)
    )
    assert (few.kind, few.block) == ("too_few_images", 3)
    (first,) = diagnose(
        table(r2=lambda depth: 1 - 0.2 * depth, rows_per_feature=lambda depth: 0.5 if depth > 15 else 10.0)
    )
    assert first.kind == "not_reconstructible"  # lost before images were too few


def test_dead_units_are_one_finding():
    (finding,) = diagnose(table(dead_units=lambda depth: 0.04 * depth))
    assert finding.block == 3
    assert finding.value == pytest.approx(0.84)


def test_a_head_of_zeros_is_no_dead_layer():
    torch.manual_seed(0)
    network = examples.mlp(pixels=64, width=20, depth=3)
    torch.nn.init.zeros_(network[-1].weight)
    found = {finding.kind: finding for finding in diagnose(probe_model(network, digits(64)))}
    assert found["constant_output"].sentence.startswith("The output is constant over all inputs at block 5 of 5 (7)")
    assert found["dead_units"].name == "0"  # pixels at the border, not the head


def test_every_sentence_names_the_mode_of_batch_normalisation():
    found = diagnose(table(batch_norm="running", log_gradient=lambda depth: -0.3 * depth))
    assert found[0].sentence.endswith("[batch normalisation: running].")


def test_states_are_told_apart_and_realisations_averaged():
    early, late = table(log_gradient=lambda depth: 0.0), table(log_gradient=lambda depth: -0.3 * depth)
    found = diagnose(pd.concat([early.assign(state="early"), late.assign(state="late")]))
    assert [finding.state for finding in found] == ["late"]
    both = table(seeds=2, log_gradient=lambda depth: -0.3 * depth)
    both.loc[both["seed"] == 1, "value"] *= 0.5  # the mean, -4.5, is below the threshold
    assert diagnose(both) == []


def test_every_kind_has_a_convention_in_the_one_table():
    assert {"exponential", "few_rows", "too_few_images"} < set(CONVENTIONS)
    assert len(READERS) == 6
    assert all(convention.name == kind for kind, convention in CONVENTIONS.items())


def test_a_risk_says_how_often_the_atlas_was_right():
    rates = CONVENTIONS["gradient_risk"].rates
    assert rates.failing > 0 < rates.training
    (risk,) = [f for f in diagnose(table(log_gradient=lambda depth: -0.6 * depth)) if f.kind == "gradient_risk"]
    assert (
        f"{rates.hit_rate:.0%} of the held-out networks that fail and of {rates.false_alarm_rate:.0%}" in risk.sentence
    )
    assert CONVENTIONS["few_rows"].rates is None


def digits(count=512):
    from sklearn.datasets import load_digits

    pixels = torch.tensor(load_digits().images).float()
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:count]
    return ((pixels - pixels.mean()) / pixels.std())[order, None]


@pytest.mark.parametrize(
    ("weight_variance", "expected"),
    [
        (0.6, {"correlation_collapse", "vanishing_gradient"}),
        (1.76, set()),
        (4.0, {"exploding_sensitivity", "exploding_gradient", "not_reconstructible"}),
    ],
)
def test_phases_of_perceptrons(weight_variance, expected):
    torch.manual_seed(1)
    network = examples.mlp(pixels=64, width=100, depth=40, weight_variance=weight_variance)
    found = set(kinds(diagnose(probe_model(network, digits()))))
    assert expected <= found
    assert expected or not found & {"correlation_collapse", "exploding_gradient", "vanishing_gradient", "gradient_risk"}


def test_numbers_in_sentences_are_finite():
    found = diagnose(table(log_chi=lambda depth: 30.0 * depth, log_gradient=lambda depth: -30.0 * depth))
    assert found
    assert all(np.isfinite(finding.value) for finding in found)


def test_the_resolution_of_numbers_is_that_of_torch():
    assert {name: torch.finfo(getattr(torch, name)).eps for name in RESOLUTION} == RESOLUTION
