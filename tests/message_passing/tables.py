"""Tables of the family's tasks as the workflow hands them to figures and measures."""

from functools import cache

import numpy as np
import pandas as pd
import torch

from nnstatmech.datasets import Dataset
from nnstatmech.message_passing.family import FAMILY
from nnstatmech.message_passing.tasks import (
    calibration,
    channels,
    committee,
    continual,
    local_energy,
    perceptron,
    repetition,
    specialisation,
    timing,
    training,
)

ENGINES = {
    "training": training,
    "perceptron": perceptron,
    "committee": committee,
    "timing": timing,
    "channels": channels,
    "specialisation": specialisation,
    "continual": continual,
    "calibration": calibration,
    "repetition": repetition,
    "local_energy": local_energy,
}
CPU = torch.device("cpu")


@cache
def images() -> Dataset:
    """Ten classes: blurred class prototypes with noise, 9 × 9 grey pixels."""
    generator = np.random.default_rng(0)
    prototypes = generator.normal(size=(10, 9, 9, 1))

    def draw(count):
        labels = generator.integers(10, size=count)
        pixels = prototypes[labels] + 0.7 * generator.normal(size=(count, 9, 9, 1))
        return np.clip(128 + 45 * pixels, 0, 255).astype(np.uint8), labels.astype(np.int64)

    return Dataset("prototypes", *draw(400), *draw(200), "prototypes with noise", True)


def table(task, *runs, seeds=(0, 1, 2), dataset="mnist", **shared) -> pd.DataFrame:
    """A table of some runs, each the parameters that it has of its own.

    As `read_frame` gives it, but without columns for the axes of a sweep: a table that is made in Python has none.
    """
    frames, params_of, shards = [], {}, []
    for number, own in enumerate(runs or ({},)):
        run = f"run{number}"
        own = dict(own)
        of_run = own.pop("dataset", dataset)
        params = FAMILY.tasks[task](**shared, **own)
        needs = images() if params.needs else None
        frame = ENGINES[task].run(params, list(seeds), needs, CPU).to_pandas()
        frame.insert(0, "experiment", "test")
        frame.insert(1, "run", run)
        frames.append(frame)
        params_of[run] = params.model_dump(mode="json") | {"dataset": of_run}
        shards.append({"run": run, "seeds": list(seeds), "stand_in": needs is not None})
    joined = pd.concat(frames, ignore_index=True).astype({"quantity": "category"})
    joined.attrs = {"runs": params_of, "shards": shards}
    return joined
