"""What tests of every family use."""

import os
from functools import cache

import pytest
from pydantic import TypeAdapter

DATA_DIR = "NNSTATMECH_DATA_DIR"
# One thread a process, before numerical libraries are imported: the processes of pytest-xdist share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# Folders whose tests take seconds each: they call Snakemake or compute whole experiments.
LONG = ("workflow", "mutants", "docs", "package")


def pytest_collection_modifyitems(items):
    """The long tests first: a long file that came last would leave the other process idle."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(scope="session")
def official_dataset():
    """``official_dataset(name, mapping="copies")`` reads real images from the folder that $NNSTATMECH_DATA_DIR names.

    The test is skipped where the variable is not set; a file that is missing from the folder is a failure.
    """
    folder = os.environ.get(DATA_DIR)
    if not folder:
        pytest.skip(f"needs real data: set {DATA_DIR} to the folder that holds them (see data/README.md)")
    # Here, so that tests without real data do not pay for these imports.
    from nnstatmech.datasets.load import load
    from nnstatmech.datasets.sources import Source
    from nnstatmech.planning.layers import merged

    mappings = merged()["data_sources"]

    @cache
    def read(name, mapping="copies"):
        return load(name, TypeAdapter(Source).validate_python(mappings[mapping][name]), folder, download=False)

    return read
