"""Raw moments of the published implementation for eight tiny networks (Labatie 2019, public code v2.0.0)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import LOCATIONS, propagate

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
RECIPE = GOLDEN["_recipe"]
CASES = [name for name in GOLDEN if not name.startswith("_")]


class RecordedOrder:
    """Weights in the published order: float64 variates of shape (height, width, inputs, outputs)."""

    def __init__(self, rng):
        self.rng = rng

    def fill(self, out, std):
        for realisation in out:
            outputs, height, width, inputs = realisation.shape
            weights = self.rng.standard_normal((height, width, inputs, outputs)) * std
            realisation.copy_(torch.from_numpy(weights).permute(3, 0, 1, 2))


def measure(case):
    architecture, boundary = case.split("|")
    connected = boundary == "fc"
    params = Propagation(
        architecture=architecture,
        depth=RECIPE["total_depth"],
        width=RECIPE["channels"],
        batch_size=RECIPE["batch"],
        kernel_size=1 if connected else 3,
        boundary="periodic" if connected else boundary,
        epsilon=RECIPE["epsilon"],
        residual_depth=RECIPE["res_depth"],
        measurements=RECIPE["total_depth"] // RECIPE["moments_every"],
        weights="drawn",
    )
    rng = np.random.default_rng(1234)
    shape = (params.batch_size, *((1, 1, 27) if connected else (12, 12, 3)))
    images, noise = rng.standard_normal(shape), rng.standard_normal(shape)
    signal = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    signal, noise = (torch.from_numpy(x).float()[None] for x in (signal, noise))
    moments = propagate(params, signal, noise, RecordedOrder(rng))
    numbers = {location: i for i, location in enumerate(LOCATIONS[architecture], 1)}
    names = {"log_mu2_noise": "mu2_noise"}
    return {
        f"{names.get(quantity, quantity)}_loc{numbers[location]}": values[0].numpy()
        for (location, quantity), values in moments.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_moments_of_the_published_implementation(case):
    measured = measure(case)
    for name, expected in GOLDEN[case].items():
        tolerance = {"atol": 1e-4, "rtol": 0} if name.startswith("mu2_noise") else {"rtol": 1e-4, "atol": 0}
        np.testing.assert_allclose(measured[name], expected, err_msg=name, **tolerance)
