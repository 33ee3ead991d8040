"""Numbers in the pictures beyond the publication are those that claims measure."""

import numpy as np
import pytest

from nnstatmech.moments import laws, measures
from nnstatmech.moments.figures import beyond

from ..small import planned_table, table


def test_crosses_are_the_published_rates_and_points_the_measured_ones():
    main = table(
        runs=({"batch_size": 4}, {"batch_size": 8}),
        architecture="bn_ff", kernel_size=1, effective_ranks="signal", batch_statistics="differentiated",
    )  # fmt: skip
    figure = beyond.rates(main, scale="laptop", published={64: 0.2, 128: 0.19}, published_width=512)
    lines = {}
    for line in figure.axes[0].get_lines():
        lines.setdefault(line.get_marker(), line)  # the first of a marker: bars of errors follow
    np.testing.assert_allclose(lines["x"].get_ydata(), [0.2, 0.19])
    expected = [measures.growth_rate(main, {"batch_size": size}).value for size in (4, 8)]
    np.testing.assert_allclose(np.asarray(lines["o"].get_ydata(), float), expected)


def test_theory_in_the_picture_starts_from_the_first_measured_layer():
    figure = beyond.mean_field(planned_table("activations"), scale="laptop")
    found, theory, *_ = figure.axes[0].get_lines()
    assert theory.get_ydata()[0] == pytest.approx(found.get_ydata()[0])
    assert len(theory.get_ydata()) == 8


def test_the_line_of_wide_networks_has_the_rate_of_the_law():
    figure = beyond.gradients(planned_table("gradients"), scale="laptop")
    line = figure.axes[1].get_lines()[-1]
    rate = np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    assert float(rate[0]) == pytest.approx(np.log(laws.GAUSSIAN_ACTIVATION_INCREMENT))
