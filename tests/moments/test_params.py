"""Ranges, defaults and costs of the parameters."""

import pytest
from pydantic import ValidationError

from nnstatmech.moments.family import FAMILY
from nnstatmech.moments.params import Propagation

from .small import laptop_plan, params


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measurements": 4}, "depth = 6: must be a multiple of measurements = 4"),
        ({"boundary": "symmetric", "kernel_size": 4}, "kernel_size = 4: must be odd"),
        ({"weights": "gram"}, "needs kernel_size = 1 and 2"),
        ({"weights": "gram", "kernel_size": 1, "batch_size": 13}, "batch_size = 13, width = 24"),
        ({"epsilon": -1e-3}, "greater than or equal to 0"),
        ({"bias_variance": 0.1}, "bias_variance = 0.1: batch normalisation takes biases out again"),
        ({"weight_variance": 0.0}, "greater than 0"),
        ({"noise_precision": "bfloat16", "kernel_size": 1}, "needs kernel_size > 1"),
        ({"noise_precision": "bfloat16", "width": 512, "batch_size": 64}, "needs .* width <= 128"),
        ({"noise_precision": "bfloat16", "width": 128, "batch_size": 1024}, "batch_size <= 32"),
        ({"gradients": True}, "need kernel_size = 1"),
        ({"gradients": True, "kernel_size": 1, "weights": "gram"}, "weights = 'gram'"),
        ({"architecture": "resnet"}, "'vanilla', 'bn_ff' or 'bn_res'"),
    ],
)
def test_parameters_out_of_range(settings, message):
    with pytest.raises(ValidationError, match=message):
        params(**settings)


def test_few_arguments_are_enough():
    chosen = Propagation(architecture="bn_ff", depth=40)
    assert chosen.depth % chosen.measurements == 0
    assert Propagation(architecture="vanilla").depth == 200
    assert FAMILY.tasks == {"propagation": Propagation}
    assert Propagation.needs == "images"


def test_later_parameters_are_no_part_of_a_run_while_they_have_their_default():
    """Runs that were made before there were these parameters are the runs that they were."""
    assert set(Propagation.later) & set(params().identity()) == set()
    assert set(params().identity()) | set(Propagation.later) == set(Propagation.model_fields)
    changed = params(activation="tanh", weight_variance=2)
    assert changed.identity() == params().identity() | {"activation": "tanh"}
    planned = laptop_plan().runs
    assert set(planned["bn_ff"]["single"].params) == set(Propagation.model_fields) - set(Propagation.later)
    assert {run.params["activation"] for run in planned["activations"].values()} >= {"tanh", "erf"}


# CPU seconds of a realisation and peak memory in MB at the published sizes, measured once; those of convolutions
# times the share of the time that Winograd's products take in shallower networks: .51, .35, .40, .42, .41.
PUBLISHED_SIZES = [
    ({"architecture": "vanilla", "width": 128, "batch_size": 1024, "effective_ranks": "none"}, 91, 1433),
    ({"architecture": "vanilla", "width": 512, "batch_size": 1024, "effective_ranks": "none"}, 976, 3910),
    ({"architecture": "vanilla", "width": 512, "batch_size": 64, "effective_ranks": "signal"}, 66, 780),
    ({"architecture": "bn_ff", "width": 512, "batch_size": 64}, 93, 838),
    ({"architecture": "bn_res", "width": 512, "batch_size": 64, "depth": 500}, 381, 872),
    ({"architecture": "bn_res", "width": 512, "batch_size": 64, "depth": 500, "kernel_size": 1}, 1.1, 845),
]


@pytest.mark.parametrize(("sizes", "seconds", "megabytes"), PUBLISHED_SIZES)
def test_cost_is_near_the_measured_one(sizes, seconds, megabytes):
    chosen = Propagation(measurements=4 if sizes.get("effective_ranks") == "none" else 100, **sizes)
    one, many = chosen.cost(1), chosen.cost(101)
    assert (many.cpu_seconds - one.cpu_seconds) / 100 == pytest.approx(seconds, rel=0.25)
    assert one.memory_mb == pytest.approx(megabytes, rel=0.25)
    assert many.memory_mb == one.memory_mb
