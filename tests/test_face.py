"""The public face: three lines from import to picture, and nothing behind it depends on it."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_project import ROOT

import nnstatmech as nsm
from nnstatmech.errors import NamedProblem
from nnstatmech.planning.codehash import import_closure

PACKAGE = Path(nsm.__file__).parent
SMALL = {"architecture": "vanilla", "depth": 20, "width": 8, "batch_size": 4, "kernel_size": 1, "progress": False}


@pytest.fixture(scope="module")
def photographs():
    return nsm.images("cifar10")


def test_importing_the_face_imports_nothing_heavy():
    code = "import sys; sys.path.insert(0, 'workflow'); import nnstatmech; "
    code += "sys.exit(bool({'torch', 'pandas', 'matplotlib', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_public_name_is_found():
    for name in nsm.__all__:
        assert getattr(nsm, name) is not None
    assert set(nsm.PUBLIC) == set(nsm.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'drwa'"):
        _ = nsm.drwa


def test_no_public_name_is_that_of_a_module():
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not modules & set(nsm.PUBLIC)


def test_nothing_inside_imports_from_the_face():
    for path in PACKAGE.rglob("*.py"):
        if path.name in ("face.py", "cli.py", "__main__.py") or path == PACKAGE / "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "face", path
                assert "face" not in {alias.name for alias in node.names}, path


def test_the_face_changes_no_hash():
    for name in ("nnstatmech.moments.tasks.propagation", "nnstatmech.linear_bnn.tasks.prior"):
        assert not {"face.py"} & {path.name for path in import_closure(name)}
        assert PACKAGE / "__init__.py" not in import_closure(name)


def test_a_table_made_in_python_is_read_and_drawn(photographs):
    table = nsm.run("moments", **SMALL, seeds=3, dataset=photographs)
    assert list(table.columns[:2]) == ["experiment", "run"]
    assert nsm.parameters_of(table)["width"] == 8
    assert nsm.parameters_of(table)["dataset"] == "cifar10"
    figure = nsm.draw("Fig_3", main=table)
    assert len(figure.axes) == 2


def test_images_of_ones_own():
    values = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    own = nsm.images(values, np.arange(40) % 2)
    assert own.train_images.shape == (36, 8, 8, 1)
    assert own.test_labels.tolist() == [1, 1, 1, 1]
    table = nsm.run("moments", **SMALL, seeds=[5], dataset=own)
    assert set(table["seed"]) == {5}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nsm.run("moment"), "family = 'moment': no such family; did you mean 'moments'?"),
        (lambda: nsm.run("linear_bnn"), "task = None: family 'linear_bnn' has no such task; allowed: "),
        (lambda: nsm.run("linear_bnn", task="priors"), "task = 'priors': family 'linear_bnn' has no such task"),
        (lambda: nsm.run("moments", **SMALL), "the task 'propagation' needs images: give dataset=nsm.images"),
        (lambda: nsm.run("moments", widht=3), "propagation: unknown key 'widht'; did you mean 'width'?"),
        (lambda: nsm.run("moments", architecture="bn_ff", width=True), "propagation.width = True: should be a valid integer"),
        (lambda: nsm.images("imagenet"), "'imagenet' is neither a data set nor a folder"),
        (lambda: nsm.images("mnist", data="oficial"), "data = 'oficial': no such mapping; did you mean 'official'?"),
        (lambda: nsm.images(np.zeros((3, 4, 4))), "images must be uint8 of shape (n, height, width[, channels]), not float64"),
        (lambda: nsm.draw("Fig_33"), "there is no figure 'Fig_33'; did you mean 'Fig_3'?"),
        (lambda: nsm.draw("Fig_3"), "needs a table as 'main'"),
        (lambda: nsm.draw("Fig_3", mian=1), "takes no such table; did you mean 'main'?"),
        (lambda: nsm.table("bn_f"), "there is no experiment 'bn_f'; did you mean 'bn_ff'?"),
        (lambda: nsm.table("bn_ff", results="nowhere"), "bn_ff.parquet is not there; make it: snakemake"),
    ],
)  # fmt: skip
def test_mistakes_are_named_in_one_line(call, message):
    with pytest.raises(NamedProblem) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_there_is():
    figures, experiments = nsm.list_figures(), nsm.list_experiments()
    assert figures.loc["Fig_4", "experiments"] == "bn_ff"
    assert experiments.loc["bn_ff", ["family", "task", "dataset", "runs"]].tolist() == [
        "moments",
        "propagation",
        "cifar10",
        1,
    ]
    assert figures.index.is_unique
    assert experiments.index.is_unique
