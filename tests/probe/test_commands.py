"""The command ``nnstatmech probe``."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from nnstatmech import cli
from nnstatmech.probe.commands import keyword
from nnstatmech.scores import SCORES


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(40):
        place = tmp_path / "images" / f"class{index % 2}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n"
        "def build(width=6):\n"
        "    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36 * width, 4))\n"
    )
    return tmp_path


def call(folder, *arguments, model="my_models.py:build"):
    given = ["probe", f"{folder / model}", "--images", f"{folder / 'images'}", "--out", f"{folder / 'out'}"]
    return CliRunner().invoke(cli.app, [*given, *map(str, arguments)])


def test_table_picture_and_sentences(folder):
    done = call(folder, "--seeds", 2, "--argument", "width=8")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(folder / "out/probe.csv")
    assert set(table["seed"]) == {0, 1}
    assert "8x6x6" in set(table["shape"])
    assert (folder / "out/probe.png").read_bytes().startswith(b"\x89PNG")
    assert "Written" in done.output
    assert "No finding" in done.output
    deep = call(folder, "--argument", "weight_variance=4.0", "--argument", "pixels=192", model="../examples:mlp")
    assert deep.exit_code == 1  # no such file: examples are named alone
    given = ["probe", "examples:mlp", "--images", f"{folder / 'images'}", "--out", f"{folder / 'out'}"]
    given += ["--argument", "pixels=192", "--argument", "weight_variance=5.0"]
    deep = CliRunner().invoke(cli.app, given)
    assert "Sensitivity to noise explodes: χ grows exponentially" in deep.output


def test_scores(folder):
    done = call(folder, "--scores", "--batch", 16)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(folder / "out/scores.csv")
    assert list(table["score"]) == list(SCORES)
    assert table.set_index("score").loc["depth", "percentile"] > 50  # two layers: shallower than most of the atlas
    assert "of the atlas (MNIST, scale" in done.output
    again = call(folder, "--scores", "--batch", 16)
    assert again.exit_code == 0
    pd.testing.assert_series_equal(pd.read_csv(folder / "out/scores.csv")["value"], table["value"])


def test_images_are_brought_to_a_size(folder):
    done = call(folder, "--size", 6, "--grey")
    assert done.exit_code == 1
    assert "refuses an input of shape (3, 1, 6, 6)" in done.output


@pytest.mark.parametrize(
    ("model", "message"), [("missing.py:build", "there is no file"), ("my_models.py:other", "has no function 'other'")]
)
def test_mistakes_are_one_line(folder, model, message):
    done = call(folder, model=model)
    assert done.exit_code == 1
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_arguments_are_read_as_yaml():
    assert keyword("blocks=[1, 2]") == ("blocks", [1, 2])
    assert keyword("norm=pre") == ("norm", "pre")


def test_the_command_is_offered_without_importing_torch():
    code = "import sys; from nnstatmech import cli; cli.app(['--help'], standalone_mode=False)"
    code += "; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "workflow"})
    assert done.returncode == 0, done.stderr
    assert "probe" in done.stdout
