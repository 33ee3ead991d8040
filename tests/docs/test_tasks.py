"""The pages of docs/tasks, followed to the letter in a copy of the project."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from small_project import PARTS, ROOT, Project

from .pages import blocks, commands

pytestmark = pytest.mark.recipes


@pytest.fixture
def project(tmp_path):
    """The whole project, with nothing computed."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in (*PARTS, "config.yaml"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    return Project(folder)


def page(name):
    return ROOT / f"docs/tasks/{name}.md"


def configure(project, name):
    """Put what a page says into config.yaml: its sections stand in place of the empty ones."""
    path = project.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for block in blocks(page(name), "yaml"):
        config |= yaml.safe_load(block)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(project, command):
    """Run a command of a page, which must be one of snakemake."""
    first, *arguments = command.split()
    assert first == "snakemake"
    return project.make(*arguments)


def nnstatmech(project, command):
    """Run a command of a page, which must be one of nnstatmech; what it printed."""
    first, *arguments = command.split()
    assert first == "nnstatmech"
    given = os.environ | {"PYTHONPATH": "workflow", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", first, *arguments], cwd=project.folder, env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put_images(folder):
    """A hundred images in two class folders."""
    rng = np.random.default_rng(0)
    for index in range(100):
        path = folder / f"class{index % 2}/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(path)


def test_draw_a_figure(project):
    (command,) = commands(page("figure"))
    snakemake(project, command)
    assert (project.folder / "figures/Fig_3_fc.png").exists()
    assert (project.folder / "figures/Fig_3_fc.pdf").exists()
    assert "Nothing to be done" in snakemake(project, command)


def test_change_a_width(project):
    configure(project, "width")
    (command,) = commands(page("width"))
    snakemake(project, command)
    assert (project.folder / "figures/Widths.png").exists()
    table = pq.read_table(project.folder / "results/laptop-bundled/moments/widths.parquet").to_pandas()
    assert set(table.width) == {64, 256}


def test_images_of_your_own(project):
    put_images(project.folder / "data/my_images")
    configure(project, "images")
    (command,) = commands(page("images"))
    snakemake(project, command)
    assert (project.folder / "results/laptop-mine/moments/vanilla_fc.parquet").exists()


def test_a_figure_of_your_own(project):
    (source,) = blocks(page("own_figure"), "python")
    (project.folder / "my_figures.py").write_text(source)
    configure(project, "own_figure")
    (command,) = commands(page("own_figure"))
    snakemake(project, command)
    assert (project.folder / "figures/Growth.png").exists()


def test_the_papers_sizes(project):
    bundled, official = commands(page("paper_sizes"))
    # Narrow networks in their place: the line as it stands takes half an hour.
    narrow = {
        "params": {"depth": 10, "width": 8, "measurements": 5, "image_stream": "independent"},
        "seeds_per_shard": 4,
    }
    (project.folder / "small.yaml").write_text(
        yaml.safe_dump({"experiments": {"vanilla": narrow, "vanilla_fc": narrow}})
    )
    snakemake(project, f"{bundled} --configfile small.yaml")
    table = pq.read_table(project.folder / "results/paper-bundled/moments/vanilla_fc.parquet").to_pandas()
    assert table.seed.nunique() >= 8
    assert official == f"{bundled} data=official"


def test_a_network_of_your_own(project):
    (source,) = blocks(page("own_network"), "python")
    (project.folder / "my_models.py").write_text(source)
    put_images(project.folder / "my_images")
    command, as_experiment = commands(page("own_network"))
    said = nnstatmech(project, command)
    assert "probe/probe.png" in said
    assert (project.folder / "probe/probe.csv").exists()
    assert (project.folder / "probe/probe.png").exists()

    configure(project, "own_network")
    snakemake(project, as_experiment)
    assert (project.folder / "figures/Probe_mine.png").exists()
    assert project.plan(*as_experiment.split()[1:]) == []
    (project.folder / "my_models.py").write_text(source.replace("nn.ReLU()]", "nn.GELU()]"))
    planned = project.plan(*as_experiment.split()[1:])
    assert any("Run mine" in job for job in planned)
    assert any(job.startswith("Draw") for job in planned)


def test_find_a_claim(project):
    find, *_ = commands(page("claim"))
    done = subprocess.run(["bash", "-c", find], cwd=project.folder, capture_output=True, text=True, check=True)
    assert "expected:" in done.stdout
