"""What goes wrong with disks, files and copies is named, mended as the message says, and never accepted."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from small_project import Project

from nnstatmech.storage.tables import DamagedTable, read_table

SHARD = "results/laptop-bundled/moments/wide/batch_size=4/shard-000.parquet"
TABLE = "results/laptop-bundled/moments/wide.parquet"
DATASET = "results/datasets/bundled/cifar10.npz"


def values(project, path=TABLE):
    return read_table(project.folder / path)[0]


def newer(path):
    """Make a file newer than what was made from it, as every write does."""
    later = path.stat().st_mtime + 1e4
    os.utime(path, (later, later))


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_shard_is_named_and_mended_as_it_says(project, damage):
    before = values(project)
    path = project.folder / SHARD
    whole = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(whole[:-100])
    else:
        whole[len(whole) // 5] ^= 4  # among the values; the footer has parts that are never read
        path.write_bytes(whole)
    newer(path)
    said = project.fail(TABLE, "--cores", "1")
    assert f"{SHARD} is no whole table of this workflow" in said
    assert f"rm '{SHARD}', then snakemake '{SHARD}'" in said
    path.unlink()
    project.make(SHARD, TABLE, "--cores", "1")
    assert values(project).equals(before)


def test_a_damaged_table_is_named_by_the_figure(project):
    path = project.folder / TABLE
    path.write_bytes(path.read_bytes()[:-1])
    newer(path)
    picture = (project.folder / "figures/Wide.png").read_bytes()
    said = project.fail("figures/Wide.png", "--cores", "1")
    assert f"{TABLE} is no whole table of this workflow" in said
    assert (project.folder / "figures/Wide.png").read_bytes() == picture, "what there was stays"
    path.unlink()
    project.make(TABLE, "figures/Wide.png", "--cores", "1")


@pytest.mark.parametrize("switch", ["true", "false"])
def test_a_figure_without_published_curves_ignores_their_switch(project, switch):
    (project.folder / "results/laptop-bundled/figures/Wide.png").unlink()
    project.make("figures/Wide.png", "--cores", "1", "--config", f"overlay_published={switch}")
    assert (project.folder / "results/laptop-bundled/figures/Wide.png").exists()


def test_flipped_bits_of_a_data_set_are_named(project):
    path = project.folder / DATASET
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    newer(path)
    (project.folder / SHARD).unlink()
    said = project.fail(SHARD, "--cores", "1")
    assert DATASET in said
    assert "rm " in said
    path.unlink()
    project.make(DATASET, SHARD, "--cores", "1")


def test_results_of_other_parameters_are_refused_by_name(project, tmp_path):
    """Shards copied from elsewhere carry no record of Snakemake's, so that only the join can tell."""
    other = Project(tmp_path / "elsewhere")
    shutil.copytree(project.folder, other.folder, symlinks=True)
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    config["experiments"]["wide"]["params"]["width"] = 10
    other.configure(config)
    other.make(SHARD, "--cores", "1")
    (project.folder / SHARD).write_bytes((other.folder / SHARD).read_bytes())
    newer(project.folder / SHARD)
    said = project.fail(TABLE, "--cores", "1")
    assert f"{SHARD} was made with width: 10, the plan says 8; make it again: rm '{SHARD}'" in said


def test_results_of_other_seeds_are_refused_by_name(project):
    other = SHARD.replace("000", "001")
    (project.folder / SHARD).write_bytes((project.folder / other).read_bytes())
    newer(project.folder / SHARD)
    said = project.fail(TABLE, "--cores", "1")
    assert f"{SHARD} was made with seeds: [2, 3], the plan says [0, 1]" in said


def test_random_damage_is_never_accepted(project):
    """Fifty random bit flips in a shard: the join either refuses it by name or makes the same table."""
    from nnstatmech.storage.shards import join

    path = project.folder / SHARD
    whole = path.read_bytes()
    table, metadata = read_table(path)
    (said,) = metadata["shards"]
    contents = {"run/000": {said["run"]: {key: said[key] for key in ("params", "dataset", "seeds")}}}
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(50):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            joined, provenance = join([str(path)], contents)
        except DamagedTable as error:
            refused += str(path) in str(error)
            continue
        # What is accepted is right: the flip hit a byte that means nothing, such as a page's statistics.
        assert joined.equals(table)
        assert provenance == [said]
    # Three fifths of a small shard's bytes matter: its footer holds the provenance twice, and one copy is never read.
    assert refused > 25  # 30 of 50, less 1.4 standard deviations


def may_mount():
    return os.geteuid() == 0


@pytest.mark.skipif(not may_mount(), reason="a small disk is mounted for this test, which needs root")
def test_a_full_disk_loses_nothing(project):
    """The results lie on a small disk that is full; after room is made the next call finishes."""
    before = values(project)
    folder = project.folder / "results/laptop-bundled/moments/wide/batch_size=4"
    shutil.rmtree(folder)
    folder.mkdir()
    (project.folder / TABLE).unlink()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small-disk", str(folder)])
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (folder / "filler").write_bytes(bytes(56 * 1024))
        said = project.fail(TABLE, "--cores", "1")
        assert "No space left on device" in said
        assert not list(folder.rglob("*.parquet"))
        assert not list(folder.rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=16m", str(folder)], check=True)
        (folder / "filler").unlink()
        project.make(TABLE, "--cores", "1")
        assert values(project).equals(before)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("scale: laptop", "scale = 'lap': is not a scale; did you mean 'laptop'?; allowed: laptop, paper"),
        ("width: 8", "experiments.wide.params.width = 'lap': should be a valid integer"),
    ],
)
def test_bad_settings_end_the_call_before_any_job(project, change, line):
    path = project.folder / "config.yaml"
    text = path.read_text()
    assert change in text
    path.write_text(text.replace(change, f"{change.split(':')[0]}: lap", 1))
    said = project.fail("--cores", "1")
    assert line in said
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_an_unknown_figure_gives_the_list_of_known_ones(project):
    said = project.fail("figures/Wid.png", "--cores", "1")
    assert "figures/Wid.png: there is no figure 'Wid'; type: snakemake figures/Wide.png; there are Wide, Deep" in said


def test_a_path_of_another_family_is_no_job(project):
    said = project.fail("results/laptop-bundled/cascades/wide/batch_size=4/shard-000.parquet", "--cores", "1")
    assert "No rule to produce" in said


@pytest.mark.parametrize("part", ["batch_size=5/shard-000", "batch_size=4/shard-007"])
def test_a_path_that_names_no_run_is_no_job(project, part):
    said = project.fail(f"results/laptop-bundled/moments/wide/{part}.parquet", "--cores", "1")
    assert "experiment 'wide' has" in said


def test_a_missing_gpu_is_named(project):
    (project.folder / SHARD).unlink()
    said = project.fail(SHARD, "--cores", "1", "--config", "device=cuda")
    assert "device: 'cuda' was asked for, but torch sees no CUDA device" in said


def test_a_failed_job_leaves_nothing_and_the_others_go_on(project):
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    config["experiments"]["wide"]["sweep"]["batch_size"] = [4, 100_000]
    project.configure(config)
    for path in ("results/laptop-bundled/moments/deep.parquet", "results/laptop-bundled/moments/deep", "figures"):
        made = project.folder / path
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    said = project.fail("--cores", "2")
    assert "100000" in said
    assert (project.folder / "figures/Deep.png").exists()
    assert not list(project.folder.glob("results/**/batch_size=100000/*.parquet"))
