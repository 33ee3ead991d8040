"""Real images for benchmarks, from the folder that $NNSTATMECH_DATA_DIR names (``data`` without it)."""

import os

from pydantic import TypeAdapter

from nnstatmech.datasets import Dataset
from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Source
from nnstatmech.planning.layers import merged


def read(name: str, mapping: str, download: bool = True) -> Dataset:
    """The data set ``name`` as a mapping of the settings' ``data_sources`` gives it."""
    source = merged()["data_sources"][mapping][name]
    folder = os.environ.get("NNSTATMECH_DATA_DIR", "data")
    return load(name, TypeAdapter(Source).validate_python(source), folder, download=download)
