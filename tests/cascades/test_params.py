"""Parameters that are refused, and what jobs cost."""

import pytest
import torch
from pydantic import ValidationError

from nnstatmech.cascades.decoders.rows import receptive_window
from nnstatmech.cascades.ensembles import networks_at_once
from nnstatmech.cascades.family import FAMILY
from nnstatmech.cascades.params import (
    Channels,
    Classification,
    Entropies,
    Falling,
    Reconstruction,
    Scores,
    Trainability,
)
from nnstatmech.cascades.tasks.entropies import decoded_layers
from nnstatmech.storage.tables import schema_of


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_variances": []}, "at least 1"),
        ({"weight_variances": [1.0, 1.0]}, "twice"),
        ({"weight_variances": [-1.0]}, "greater than or equal to 0"),
        ({"architecture": "cnn", "depth": 3}, "stem has 3 layers"),
        ({"architecture": "resnet", "resolution": 8}, "at least 9"),
        ({"decoder": "newton"}, "'ridge' or 'adam'"),
    ],
)
def test_cascades_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        Entropies(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"depths": [5, 3], "resolution": 10}, "stem has 3 layers"), ({"depths": [5], "resolution": 8}, "at least 9")],
)
def test_convolutional_networks_without_pixels_are_not_scored(changes, message):
    with pytest.raises(ValidationError, match=message):
        Scores(architecture="cnn", **changes)
    Scores(**changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 10}, "must be a multiple of 4, because 2 poolings halve the image"),
        ({"strongest": {6: 1}}, "layer 6 does not exist; layers are 1 to 5"),
        ({"strongest": {3: 6}}, "layer 3 has 5 channels, but 6 was asked for"),
        ({"channels": {5: [6]}}, r"layer 5 has 6 channels, but \[6\] was asked for"),
    ],
)
def test_channels_that_do_not_exist_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Channels(**{"layers": [4, 5, "M", 6, "M"], "resolution": 8} | change)


@pytest.mark.parametrize("task", FAMILY.tasks)
def test_every_task_runs_with_its_defaults_and_says_what_it_takes(task):
    params = FAMILY.tasks[task]()
    assert params.needs in ("images", "labels")
    assert {"seed", "quantity", "value"} <= set(schema_of(params.columns).names)
    one, three = params.cost(1), params.cost(3)
    assert 0 < one.cpu_seconds < 600
    assert one.cpu_seconds < three.cpu_seconds <= 3.001 * one.cpu_seconds
    assert 400 < one.memory_mb <= three.memory_mb < 4000


PAPER = {"memory": 40, "evaluated_depths": 198, "depth": 198, "resolution": 28}
GRID = [round(0.1 * step, 1) for step in range(1, 60)]


@pytest.mark.parametrize(
    ("params", "seconds"),
    [
        # A tenth of a map with one kind of decoder. Adam: 4.8 ms a step of 64 images on a quiet core.
        (Entropies(**PAPER, weight_variances=GRID, decoder="adam", train_images=60000), 52700),
        (Entropies(**PAPER, weight_variances=GRID, train_images=4096), 3500),
        (
            Entropies(
                **PAPER | {"depth": 402, "evaluated_depths": 201},
                weight_variances=GRID,
                architecture="cnn",
                channels=128,
                train_images=512,
            ),
            68000,
        ),
        (
            Entropies(
                **PAPER | {"depth": 52, "evaluated_depths": 52},
                weight_variances=GRID,
                architecture="resnet",
                channels=32,
                train_images=512,
            ),
            2000,
        ),
        (
            Classification(depth=52, channels=32, steps=9380, weight_variances=[0.1 * k for k in range(1, 61)]),
            170000,
        ),
        (
            Trainability(
                resolution=28,
                depths=list(range(5, 151, 5)),
                weight_variances=[0.1 * k for k in range(1, 41)],
                steps=1000,
                measure_every=100,
                test_images=10000,
            ),
            320000,
        ),
        (Entropies(weight_variances=GRID[:40]), 25),
        (Falling(), 38),
        (Trainability(), 45),
        (Classification(), 9),
        (Reconstruction(), 12),
        (Reconstruction(presentations=600000, decoder_presentations=120000, train_images=60000), 300),
        (Channels(), 26),
        (
            Channels(
                layers=[64, 64, "M", 128, 128, "M", 256, 256, 256, "M"],
                train_images=50000,
                test_images=10000,
                steps=10000,
                decoder_steps=1000,
            ),
            13000,
        ),
    ],
)
def test_costs_are_what_was_measured_within_a_factor_of_two(params, seconds):
    assert seconds / 2 < params.cost(1).cpu_seconds < 2 * seconds


@pytest.mark.parametrize(
    ("params", "seeds", "megabytes"),
    [
        (Entropies(weight_variances=GRID[:40]), 1, 1174),
        (Entropies(weight_variances=GRID[:7], evaluated_depths=50), 2, 812),
        (
            Entropies(
                architecture="cnn",
                resolution=28,
                depth=62,
                evaluated_depths=31,
                train_images=512,
                weight_variances=GRID[:7],
            ),
            1,
            1862,
        ),
        (
            Entropies(
                architecture="resnet",
                resolution=28,
                depth=22,
                channels=8,
                evaluated_depths=22,
                train_images=512,
                weight_variances=GRID[:7],
            ),
            1,
            880,
        ),
        (Classification(), 1, 689),
        (Trainability(), 1, 415),
        (Falling(), 1, 345),
        (Reconstruction(), 1, 444),
        (Channels(), 1, 585),
    ],
)
def test_memory_is_what_was_measured_within_a_factor_of_two(params, seeds, megabytes):
    assert megabytes / 2 < params.cost(seeds).memory_mb < 2 * megabytes


def test_networks_of_ten_outputs_take_two_to_ten_classes():
    for task in (Classification, Trainability, Falling):
        assert task().class_range() == (2, 10)
    # The class whose images are shown must exist.
    assert Reconstruction(shown_class=5).class_range() == (6, 10)
    assert Channels().class_range() == (1, None)


@pytest.mark.parametrize(
    ("architecture", "tolerance"), [("wide", 1e-9), ("shrinking", 0.2), ("cnn", 0.2), ("resnet", 0.2)]
)
def test_memory_counts_the_decoders_of_all_layers(architecture, tolerance):
    """The difference of one and two kinds of decoders is the size of the regressions of the layers themselves."""
    params = Entropies(architecture=architecture, depth=30, resolution=12, channels=6)
    weights = sum(
        max(1, receptive_window(layer)) ** 2 * layer.out_shape[-1] * layer.in_shape[-1] * layer.stride**2
        for layer in decoded_layers(params)
    )
    assert params.network_bytes(decoders=2) - params.network_bytes() == pytest.approx(4 * weights, rel=tolerance)


def test_a_gpu_gives_what_it_has(monkeypatch):
    gpu = torch.device("cuda")
    for name, value in {"mem_get_info": (6e9, 80e9), "memory_reserved": 5e9, "memory_allocated": 3e9}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    # 6 GB are free, 2 GB more are held without being used.
    assert networks_at_once(1e9, gpu) == 4
    assert networks_at_once(1e9, gpu, wanted=2e9) == 2
    assert networks_at_once(1e9, gpu, wanted=32e9) == 4
    assert networks_at_once(1e12, gpu) == 1
    assert networks_at_once(5e7, torch.device("cpu"), wanted=1e8) == 2
