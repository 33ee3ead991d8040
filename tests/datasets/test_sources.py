"""Descriptions of sources: what is accepted, what each says of its images."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from nnstatmech.datasets.load import describe, is_stand_in
from nnstatmech.datasets.sources import Bundled, CifarBinary, Idx, ImageFolder, Npz, Source
from nnstatmech.planning.layers import merged

ROOT = Path(__file__).resolve().parents[2]
SOURCE = TypeAdapter(Source)


def test_sources_survive_the_way_through_plain_values():
    for source in (
        Bundled(content="digits", size=8),
        Idx(folder="mnist", release="mnist", urls=["https://example.org/x"]),
        CifarBinary(sha256={"test_batch.bin": "0" * 64}),
        ImageFolder(path="own.zip", size=32, limit_train=5, test_share=0.5),
        Npz(path="own.npz", labels="y", description="mine", stand_in=False),
    ):
        assert SOURCE.validate_python(source.model_dump(mode="json")) == source


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"kind": "bundled", "content": "digits", "size": 4}, "greater than or equal to 8"),
        ({"kind": "bundled", "content": "faces", "size": 8}, "'digits' or 'photographs'"),
        ({"kind": "bundled", "content": "digits", "size": "8"}, "valid integer"),
        ({"kind": "idx"}, "Field required"),
        ({"kind": "idx", "folder": "a", "sha256": {"test": "0" * 64}}, "no such file: test"),
        ({"kind": "idx", "folder": "a", "urls": ["ftp://a"]}, "match pattern"),
        ({"kind": "cifar_binary", "release": "mnist"}, "'cifar10'"),
        ({"kind": "cifar_binary", "sha256": {"test_batch.bin": "12"}}, "match pattern"),
        ({"kind": "image_folder", "path": "a", "test_share": 1.0}, "less than 1"),
        ({"kind": "npz", "path": "a", "test_labels": "y"}, "needs test_images"),
        ({"kind": "npz", "path": "a", "labels": "y", "test_images": "u"}, "both or neither"),
        ({"kind": "npz", "path": "a", "limit_train": 0}, "greater than or equal to 1"),
        ({"kind": "npz", "path": "a", "pickle": True}, "Extra inputs"),
        ({"kind": "hdf5", "path": "a"}, "'npz'"),
        ({"path": "a"}, "'kind'"),
    ],
)
def test_what_cannot_be_is_refused(source, reason):
    with pytest.raises(ValidationError, match=reason):
        SOURCE.validate_python(source)


@pytest.mark.parametrize(
    ("name", "source", "description", "stand_in"),
    [
        ("mnist", Bundled(content="digits", size=28), "scikit-learn digits, resized, for MNIST", True),
        ("digits", Bundled(content="digits", size=8), "scikit-learn digits", False),
        ("cifar10", Bundled(content="photographs", size=32), "crops of scikit-learn's photographs, for CIFAR-10", True),
        ("fashion_mnist", Idx(folder="f", release="fashion_mnist"), "Fashion-MNIST", False),
        ("fashion_mnist", Idx(folder="f", release="mnist"), "MNIST, for Fashion-MNIST", True),
        ("mnist", Idx(folder="f"), "images of f, for MNIST", True),
        ("cifar10", CifarBinary(release="cifar10"), "CIFAR-10", False),
        ("cifar10", CifarBinary(), "images of cifar-10-binary.tar.gz, for CIFAR-10", True),
        ("birds", ImageFolder(path="birds.zip"), "images of birds.zip", False),
    ],
)
def test_nothing_but_a_checked_release_passes_for_a_data_set_of_the_papers(name, source, description, stand_in):
    assert describe(name, source) == description
    assert is_stand_in(name, source) is stand_in


def test_every_mapping_of_the_config_has_the_same_data_sets():
    mappings = merged()["data_sources"]
    assert {"bundled", "official", "copies", "copies_lossless"} <= set(mappings)
    for mapping in mappings.values():
        assert set(mapping) >= {"mnist", "fashion_mnist", "cifar10", "digits"}
        for source in mapping.values():
            SOURCE.validate_python(source)


def test_building_the_dag_imports_nothing_heavy():
    code = (
        "import sys; import nnstatmech.datasets.sources; "
        "print(sorted({'torch', 'sklearn', 'PIL', 'pooch', 'requests', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "workflow", check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        (Idx(folder="mnist", release="mnist"), 60_000),
        (Idx(folder="mnist", release="mnist", limit_train=500), 500),
        (Idx(folder="own"), None),
        (CifarBinary(release="cifar10"), 50_000),
        (Npz(path="own.npz", limit_train=7), 7),
        (ImageFolder(path="own"), None),
    ],
)
def test_training_images_are_counted_where_the_description_tells(source, count):
    assert source.training_images == count
