"""Images of one's own that change on disk are prepared again, and all that follows from them; dates change nothing."""

import os
import re

import numpy as np
import pytest
import yaml
from PIL import Image
from small_project import CONFIG, copy_project

TABLE = "results/laptop-mine/moments/deep.parquet"
SHARD = "results/laptop-mine/moments/deep/single/shard-000.parquet"
PREPARE, RUN, JOIN = (
    "Prepare the data set cifar10 (mine)",
    "Run deep / single, shard 000 (laptop-mine)",
    "Join the shards of deep (laptop-mine)",
)
PICTURES = [f"{name}/{number}.png" for name in "ab" for number in range(8)]


def write_picture(project, name, seed):
    path = project.folder / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(path)


def planned(project):
    """What a dry run would do for the table; targets come first."""
    said = project.make(TABLE, "--dry-run", "--quiet", "host")
    return sorted(set(re.findall(r"^Job \d+: (.+)$", said, re.MULTILINE)))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config |= {"data": "mine", "data_dir": "."}
    config["data_sources"] = {"mine": {"cifar10": {"kind": "image_folder", "path": "pictures"}}}
    project = copy_project(tmp_path_factory.mktemp("own") / "copy", config)
    for seed, name in enumerate(PICTURES):
        write_picture(project, name, seed)
    project.make(TABLE, "--cores", "1")
    assert planned(project) == []
    return project


def test_dates_alone_change_nothing(project):
    for path in [*project.folder.glob("pictures/*/*.png"), *project.folder.glob("results/datasets/mine/*")]:
        os.utime(path)
    assert planned(project) == []


def test_a_changed_an_added_and_a_removed_picture_are_seen(project):
    everything = sorted([PREPARE, RUN, JOIN])
    write_picture(project, "a/0.png", 100)
    assert planned(project) == everything
    write_picture(project, "a/0.png", 0)
    assert planned(project) == []
    write_picture(project, "b/100.png", 100)
    assert planned(project) == everything
    (project.folder / "pictures/b/100.png").unlink()
    (project.folder / "pictures/b/Thumbs.db").write_bytes(b"thumbnails")
    assert planned(project) == []
    (project.folder / "pictures/a/7.png").rename(project.folder / "pictures/b/100.png")
    assert planned(project) == everything
    (project.folder / "pictures/b/100.png").rename(project.folder / "pictures/a/7.png")
    assert planned(project) == []


def test_what_was_prepared_stays_valid_where_the_pictures_are_gone(project):
    (project.folder / "pictures").rename(project.folder / "elsewhere")
    assert planned(project) == []
    (project.folder / "elsewhere").rename(project.folder / "pictures")


def test_shards_of_other_images_are_refused_by_the_join(project):
    """They were copied here, so that Snakemake has no record of them."""
    strangers = (project.folder / SHARD).read_bytes()
    write_picture(project, "a/0.png", 100)
    project.make(TABLE, "--cores", "1")
    (project.folder / SHARD).write_bytes(strangers)
    later = (project.folder / SHARD).stat().st_mtime + 1e4
    os.utime(project.folder / SHARD, (later, later))
    said = project.fail(TABLE, "--cores", "1")
    assert f"{SHARD} was made with dataset_digest: '" in said
    assert "storage.accept" not in said
    assert "Traceback" not in said


def test_labels_that_do_not_fit_end_the_call_before_any_run(project):
    np.savez(project.folder / "own.npz", x=np.zeros((20, 8, 8, 3), np.uint8), y=1 + np.arange(20) % 10)
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    config["data_sources"]["other"] = {"cifar10": {"kind": "npz", "path": "own.npz", "images": "x", "labels": "y"}}
    project.configure(config)
    said = project.fail(TABLE.replace("mine", "other"), "--cores", "1", "--config", "data=other")
    assert "cifar10: the training labels are 1, 2, 3, 4, …, 9, 10; they must be 0, 1, 2, … without a gap" in said
    assert "Run deep / single, shard 000 (laptop-other)" not in said
