"""Untrained ensembles against their closed law."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from nnstatmech.linear_bnn import measures
from nnstatmech.linear_bnn.params import Untrained
from nnstatmech.linear_bnn.tasks import untrained as task
from nnstatmech.linear_bnn.untrained import OutputLength

from .digits import small_digits


@pytest.mark.parametrize(("temperature", "scale"), [(1, 1.4e-5), (3, 1.15e-3), (10, 0.142)])
def test_scale_is_the_published_one(temperature, scale):
    law = OutputLength(9.558, temperature, 784)
    assert law.scale == pytest.approx(scale, rel=0.02)  # printed to two or three digits
    assert law.mean / law.scale == pytest.approx(1.596, abs=1e-3)
    assert law.median / law.scale == pytest.approx(0.307, abs=5e-4)


@pytest.mark.parametrize("width", [1, 2, 7, 784])
def test_density_distribution_and_moments_agree(width):
    law = OutputLength(3.0, 2.0, width)
    low, high = 0.01 * law.scale, 40 * law.scale

    def integral(power):
        # In the logarithm of y, where the density y^(-2/3) at the origin is smooth.
        return quad(lambda t: law.pdf(np.exp(t)) * np.exp(t * (1 + power)), np.log(low), np.log(high), epsabs=0)[0]

    assert integral(0) == pytest.approx(law.cdf(high) - law.cdf(low), rel=1e-7)
    t = np.log(law.scale) + np.linspace(-60, 12, 2001)  # the trapezoidal rule is exact to rounding here
    for power, expected in ((0, 1.0), (1, law.mean), (2, law.second_moment)):
        values = law.pdf(np.exp(t)) * np.exp(t * (1 + power))
        assert np.trapezoid(values, t) == pytest.approx(expected, rel=1e-7)
    assert law.cdf(law.median) == pytest.approx(0.5, abs=1e-10)


def test_everything_scales_with_the_fourth_power_of_the_temperature():
    cold, hot = OutputLength(5.0, 1.0, 20), OutputLength(5.0, 3.0, 20)
    y = np.geomspace(1e-4, 10, 7) * cold.scale
    np.testing.assert_allclose(hot.pdf(81 * y) * 81, cold.pdf(y), rtol=1e-12)


PARAMS = Untrained(temperatures=[1, 3, 10], width=24)


def test_networks_follow_the_closed_law(rows_of):
    dataset = small_digits()
    table = rows_of(task, PARAMS, range(1500), dataset)
    norm = np.linalg.norm(dataset.train_images[0] / 255)
    assert table[table["quantity"] == "input_norm"]["value"].iloc[0] == pytest.approx(norm, rel=1e-6)
    lengths = table[table["quantity"] == "output_length"]
    for temperature, group in lengths.groupby("temperature"):
        law = OutputLength(norm, temperature, 24)
        assert kstest(group["value"], law.cdf).pvalue > 1e-3
        # A law that is 8 % off would be seen with so many networks.
        wrong = OutputLength(norm * 1.05, temperature, 24)
        assert kstest(group["value"], wrong.cdf).pvalue < 0.2
    table = table.assign(run="single")
    table.attrs["runs"] = {"single": PARAMS.model_dump()}
    exponent = measures.temperature_exponent(table)
    assert abs(exponent.value - 4) < 4 * exponent.standard_error < 0.4
    # The median over C depends on the width a little; the exact one is asked for.
    median = measures.output_median(table)
    law = OutputLength(norm, 1.0, 24)
    assert abs(median.value - law.median / law.scale) < 4 * median.standard_error


def test_temperatures_are_independent(rows_of):
    table = rows_of(task, PARAMS, range(200), small_digits())
    lengths = table[table["quantity"] == "output_length"].pivot(index="seed", columns="temperature", values="value")
    correlation = np.corrcoef(np.log(lengths.to_numpy()).T)
    # 200 pairs: a correlation of independent numbers is below 4/√200.
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(200)


def test_the_task_does_not_depend_on_the_shard(compare_shards):
    compare_shards(task, PARAMS, small_digits(), rtol=1e-6, atol=0)
