"""Measures on tables of known laws, and the claims on tables made in Python."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml

from nnstatmech.moments import laws, measures
from nnstatmech.moments.curves import raw
from nnstatmech.readings import Measurement, NotMeasured

from .small import ROOT, planned_table, table

CLAIMS = yaml.safe_load((ROOT / "workflow/nnstatmech/moments/claims.yaml").read_text(encoding="utf-8"))
DEPTHS = {"depth": 8, "from_depth": 2}  # instead of those that the tiny networks do not reach


def at_hand(architecture, rows, **columns):
    """A table of one run from (seed, depth, location, quantity, value)."""
    result = pd.DataFrame(rows, columns=["seed", "depth", "location", "quantity", "value"]).assign(run="run0")
    result.attrs["runs"] = {"run0": {"architecture": architecture, **columns}}
    return result.assign(**columns)


def walk(width, count=400):
    """A table of random walks with the increments of a one-dimensional signal."""
    rng = np.random.default_rng(0)
    mean, variance = laws.log_increment_moments(width)
    depths = np.arange(50, 201, 50)
    steps = rng.normal(50 * mean, np.sqrt(50 * variance), (count, len(depths)))
    rows = [
        (seed, depth, "output", "nu2_signal", np.exp(value))
        for seed, path in enumerate(np.cumsum(steps, axis=1))
        for depth, value in zip(depths, path, strict=True)
    ]
    return at_hand("vanilla", rows, width=width)


def test_measures_of_diffusion_recover_the_law():
    narrow = walk(64)
    for measured in (measures.diffusion_drift(narrow), measures.diffusion_variance(narrow)):
        assert abs(measured.value - 1) < 4 * measured.standard_error
        assert 0.02 < measured.standard_error < 0.2
    scaling = measures.width_scaling(narrow, walk(256), "log_nu2_signal")
    assert abs(scaling.value - 1) < 4 * scaling.standard_error


def test_lost_excess_rank():
    rows = [
        (seed, depth, "output", "reff_signal", rank * (1 + 0.01 * seed))
        for seed in (-1, 1)
        for depth, rank in ((4, 3.0), (10, 2.0), (30, 1.5), (40, 1.5))
    ]
    measured = measures.lost_excess_rank(at_hand("vanilla", rows), "reff_signal", early=4)
    assert measured.value == pytest.approx(0.75, abs=1e-4)  # from two to a half above one
    assert measured.standard_error == pytest.approx(0.00375, rel=0.01)  # of 1.5 f / (3 f - 1) at f = 1 +- 0.01


def exponential(rate, count=20):
    rng = np.random.default_rng(1)
    rows = [
        (seed, depth, location, "log_chi", own * depth)
        for seed, own in enumerate(rng.normal(rate, 0.001, count))
        for depth in range(10, 101, 10)
        for location in ("output", "normalised")
    ]
    return at_hand("bn_ff", rows, batch_size=64)


def test_growth_rate():
    measured = measures.growth_rate(exponential(0.15))
    assert measured.value == pytest.approx(0.15, abs=4 * measured.standard_error)
    assert measured.standard_error == pytest.approx(0.001 / np.sqrt(20), rel=0.5)
    assert measured.degrees_of_freedom == 19
    assert measures.growth_rate(exponential(0.15), {"batch_size": 64}) == measured
    with pytest.raises(NotMeasured, match="no rows with batch_size = 128"):
        measures.growth_rate(exponential(0.15), {"batch_size": 128})
    assert np.isnan(measures.growth_rate(exponential(0.15, count=1)).standard_error)


def test_resnet_exponent_is_measured_with_its_error():
    resnets = table(6, architecture="bn_res", residual_depth=1)
    measured = measures.resnet_exponent(resnets)
    after, before = (np.exp(raw(resnets, at, "log_chi")).mean() for at in ("preactivation", "input"))
    assert measured.value == pytest.approx(laws.power_law_exponent((after / before).mean(), 1))
    assert 0 < measured.standard_error < 0.1


def test_growth_rates_are_subtracted():
    runs = pd.concat([exponential(0.2).assign(run="run0"), exponential(0.15).assign(run="run1", batch_size=512)])
    runs.attrs["runs"] = {f"run{i}": {"architecture": "bn_ff", "batch_size": b} for i, b in enumerate((64, 512))}
    measured = measures.growth_rate_difference(runs, "batch_size", 64, 512)
    assert measured.value == pytest.approx(0.05, abs=1e-9)  # the same fluctuations in both
    assert measured.standard_error == pytest.approx(np.sqrt(2) * measures.growth_rate(exponential(0.2)).standard_error)


def test_spread_of_normal_values():
    values = np.random.default_rng(2).normal(0, 3, 500)
    rows = [(seed, 4, "output", "log_mu2_noise", value) for seed, value in enumerate(values)]
    measured = measures.spread_at_depth(at_hand("vanilla", rows), "log_mu2_noise", 4)
    assert measured.value == pytest.approx(values.std(ddof=1))
    assert measured.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(2 * 499))
    with pytest.raises(NotMeasured, match="9 realisations: at least 10"):
        measures.spread_at_depth(at_hand("vanilla", rows[:9]), "log_mu2_noise", 4)
    with pytest.raises(NotMeasured, match="depth 5 is not among"):
        measures.spread_at_depth(at_hand("vanilla", rows), "log_mu2_noise", 5)


def test_dead_networks_are_holes_in_what_is_measured_of_diffusion():
    networks = walk(64)
    networks.loc[(networks["seed"] < 7) & (networks["depth"] == 200), "value"] = np.nan
    for measured in (
        measures.diffusion_drift(networks),
        measures.diffusion_variance(networks),
        measures.skewness(networks, "log_nu2_signal"),
        measures.spread_at_depth(networks, "log_nu2_signal", 200),
    ):
        assert (measured.holes, measured.degrees_of_freedom) == (7, 392)
    networks.loc[(networks["seed"] < 201) & (networks["depth"] == 200), "value"] = np.nan
    for measure in (measures.diffusion_drift, measures.diffusion_variance):
        with pytest.raises(NotMeasured, match="201 of 400 realisations have no value"):
            measure(networks)
    for measure in (measures.skewness, partial(measures.spread_at_depth, depth=200)):
        with pytest.raises(NotMeasured, match=r"199 realisations: at least 10 are needed .* and half of all"):
            measure(networks, name="log_nu2_signal")


def test_spread_of_late_increments_recovers_the_law():
    rng = np.random.default_rng(4)
    rows = [
        (seed, depth, location, "log_chi", value)
        for seed in range(60)
        for depth in range(10, 201, 10)
        for location, value in (("input", 0.0), ("output", rng.normal(1 / 64, 64**-0.5)))
    ]
    measured = measures.late_increment_spread(at_hand("vanilla", rows, width=64))
    assert measured.value == pytest.approx(1, abs=4 * measured.standard_error)
    assert measured.standard_error == pytest.approx(1 / np.sqrt(2 * 60 * 10), rel=0.3)


def test_paired_change_is_free_of_the_fluctuations_that_are_shared():
    first = table(6, architecture="bn_ff", epsilon=1e-3)
    second = table(6, architecture="bn_ff", epsilon=0)
    paired = measures.paired_log_change(first, second, "nu1_abs_z", 2)
    assert 0 < paired.value < 0.01
    assert paired.standard_error < paired.value / 4


def test_noise_leaks_through_the_borders_as_the_law_says():
    size = {"architecture": "vanilla", "depth": 2, "measurements": 1}
    periodic, padded = table(40, **size), table(40, **size, boundary="zero_padding")
    measured = measures.noise_between_walls(periodic, padded, side=8, depth=2)
    assert abs(measured.value - 1) < 4 * measured.standard_error < 0.2
    assert measures.mean_noise(padded, depth=2).value < 0.7 < measures.mean_noise(periodic, depth=2).value
    whole = measures.noise_between_walls(periodic, padded, side=1000, depth=2)
    assert whole.value < 1 - 4 * whole.standard_error


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_tables_made_in_python_go_into_every_measure(claim):
    arguments = claim.get("arguments", {})
    arguments |= {name: depth for name, depth in DEPTHS.items() if arguments.get(name, 0) > 8}
    if experiment := claim.get("experiment"):
        measured = getattr(measures, claim["measure"])(planned_table(experiment), **arguments)
    else:
        roles = {role: planned_table(experiment) for role, experiment in claim["experiments"].items()}
        measured = getattr(measures, claim["measure"])(**roles, **arguments)
    assert isinstance(measured, Measurement)
    assert np.isfinite([measured.value, measured.standard_error]).all()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["id"])
def test_claims_have_a_rival_that_their_allowance_cannot_reach(claim):
    assert claim["rival_is"]
    assert claim.get("allowance", 0) <= abs(claim["expected"] - claim["rival"]) / 4 * (1 + 1e-9)
