"""What the report says about where a figure comes from."""

import pandas as pd
import pytest
from docutils import nodes
from docutils.core import publish_doctree

from nnstatmech.figures.origin import origin

DRAWING = {
    "draw": "vanilla.sensitivity",
    "package": "nnstatmech.moments",
    "options": {"published": "vanilla"},
    "scale": "laptop",
    "data": "bundled",
}
SHARD = {
    "run": "width=8",
    "params": {"width": 8, "depth": 4, "temperatures": list(range(20)), "seed_of_images": None},
    "dataset": "cifar10",
    "dataset_description": "photographs",
    "stand_in": True,
    "seeds": [0, 1],
    "commit": "c0ffee",
    "modified": True,
    "python": "3.11.7",
    "versions": {"torch": "2.13.0"},
    "device": "cpu",
    "started": "2026-01-31T23:59:00+00:00",
    "seconds": 1.5,
}
OTHER = SHARD | {"run": "width=16", "params": SHARD["params"] | {"width": 16}, "started": "2026-02-01T00:01:00+00:00"}


@pytest.fixture
def text():
    frame = pd.DataFrame()
    frame.attrs["shards"] = [SHARD, SHARD | {"seeds": [2]}, OTHER]
    return origin({"vanilla": frame}, DRAWING)


def test_what_is_shared_and_what_differs(text):
    assert "**vanilla**: 2 runs with 2 or 3 realisations" in text
    assert ":Fixed: ``depth = 4``, ``temperatures = 0, 1, 2, …, 19 (20 values)``, ``dataset = cifar10``\n" in text
    assert ":Varied: ``width = 8, 16``\n" in text


def test_when_where_and_from_what(text):
    assert ":Computed: 2026-01-31 to 2026-02-01 on cpu, 3 jobs, 4.5 s\n" in text
    assert ":Commit: c0ffee with changes\n" in text
    assert ":Data: ``bundled`` (stand-in: photographs)\n" in text
    assert ":Drawn by: ``nnstatmech.moments.figures.vanilla.sensitivity`` with ``published = vanilla``\n" in text


def test_runs_that_shared_a_job_count_it_once():
    frame = pd.DataFrame()
    frame.attrs["shards"] = [SHARD | {"job": "vanilla/all/shard-000"}, OTHER | {"job": "vanilla/all/shard-000"}]
    assert " on cpu, 1 job, 3 s\n" in origin({"vanilla": frame}, DRAWING)


def test_the_text_is_proper_restructuredtext(text):
    page = publish_doctree("A caption.\n\n" + text, settings_overrides={"halt_level": 2})
    assert len(list(page.findall(nodes.field_list))) == 2
