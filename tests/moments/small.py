"""Small networks, inputs and tables for the tests of this family."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from nnstatmech.datasets import Dataset
from nnstatmech.moments.networks import (
    GaussianWeights,
)
from nnstatmech.moments.params import Propagation
from nnstatmech.moments.propagation import propagate
from nnstatmech.moments.tasks.propagation import run
from nnstatmech.planning.layers import merged
from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings
from nnstatmech.storage.shards import prepend

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]


def network(architecture="bn_ff", **settings):
    defaults = {"depth": 6, "width": 32, "batch_size": 8, "measurements": 6}
    return Propagation(architecture=architecture, **{**defaults, **settings})


def inputs(params, seeds=(0,), side=8, features=48):
    """Smooth random images, normalised, and noise."""
    generator = torch.Generator().manual_seed(99)
    shape = (features,) if params.kernel_size == 1 else (side, side, 3)
    images = torch.randn(
        len(seeds), params.batch_size, *((1, 1) if len(shape) == 1 else ()), *shape, generator=generator
    )
    if params.kernel_size > 1:
        images = images + images.roll(1, 2) + images.roll(1, 3) + images.roll((1, 1), (2, 3))
    images = (images - images.mean((1, 2, 3), keepdim=True)) / images.std((1, 2, 3), keepdim=True, correction=0)
    return images, torch.randn(images.shape, generator=generator)


def moments(params, seeds=(0,), noise_factor=1.0, signal_factor=1.0):
    signal, noise = inputs(params, seeds)
    result = propagate(params, signal * signal_factor, noise * noise_factor, GaussianWeights(seeds, CPU))
    return {key: value.numpy() for key, value in result.items()}


def dataset(count=60, side=8, channels=3, constant_edge=False):
    images = np.random.default_rng(5).integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    if constant_edge:
        images[:, 0] = 0
    return Dataset("cifar10", images, None, images[:0], None, "random pixels", stand_in=True)


def params(architecture="bn_ff", **settings):
    return Propagation(
        **{"architecture": architecture, "depth": 6, "width": 24, "batch_size": 8, "measurements": 3, **settings}
    )


def check_mean(samples, expected, allowance=0.0):
    """Mean over realisations within four standard errors of ``expected``."""
    error = samples.std(ddof=1) / math.sqrt(len(samples))
    assert samples.mean() == pytest.approx(expected, abs=4 * error + allowance)


def table(count=4, runs=({},), axes=None, **settings):
    """The table of an experiment with one run for each of ``runs``, as the workflow reads it.

    ``axes`` are the values of the sweep's axes for each run, by default its own parameters.
    """
    parts, attributes = [], {"runs": {}, "shards": []}
    for i, swept in enumerate(runs):
        chosen = Propagation(**{"depth": 8, "width": 16, "batch_size": 8, "measurements": 4, **settings, **swept})
        labels = {"experiment": "test", "run": f"run{i}", **(axes[i] if axes else swept)}
        parts.append(prepend(run(chosen, range(count), dataset(max(60, chosen.batch_size)), CPU), labels).to_pandas())
        attributes["runs"][f"run{i}"] = chosen.model_dump(mode="json") | {"dataset": "cifar10"}
        attributes["shards"].append({"run": f"run{i}", "seeds": list(range(count))})
    whole = pd.concat(parts, ignore_index=True)
    whole.attrs.update(attributes)
    return whole


SHRUNKEN = {"depth": 8, "width": 16, "measurements": 8}


@cache
def planned_table(experiment):
    """Twelve realisations of an experiment of the configuration, with its runs and tiny networks."""
    runs = list(laptop_plan().runs[experiment].values())
    shared = {k: v for k, v in runs[0].params.items() if all(run.params.get(k) == v for run in runs)}
    swept = [{k: v for k, v in run.params.items() if k not in shared} for run in runs]
    swept = [differing | {k: v // 4 for k, v in differing.items() if k == "width"} for differing in swept]
    batch_size = {} if any("batch_size" in differing for differing in swept) else {"batch_size": 8}
    return table(12, swept, [run.axes for run in runs], **shared | SHRUNKEN | batch_size)


def family_config():
    """The configuration of this family's experiments and figures."""
    config = merged(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    for section in ("experiments", "figures"):
        config[section] = {name: entry for name, entry in config[section].items() if entry["family"] == "moments"}
    return config


@cache
def laptop_plan():
    """The plan of this family's experiments and figures."""
    return Plan(read_settings(family_config(), "laptop"))
