"""Real images for benchmarks, from the folder that $NNSTATMECH_DATA_DIR names (``data`` without it)."""

import os
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from nnstatmech.datasets import Dataset
from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Source

CONFIG = Path(__file__).resolve().parents[1] / "config.yaml"


def read(name: str, mapping: str, download: bool = True) -> Dataset:
    """The data set ``name`` as a mapping of config.yaml's ``data_sources`` gives it."""
    source = yaml.safe_load(CONFIG.read_text())["data_sources"][mapping][name]
    folder = os.environ.get("NNSTATMECH_DATA_DIR", "data")
    return load(name, TypeAdapter(Source).validate_python(source), folder, download=download)
