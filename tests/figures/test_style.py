"""What stands below a figure."""

import pandas as pd
import pytest

from nnstatmech.figures import style


def frame_of(*shards):
    frame = pd.DataFrame()
    said = {"stand_in": False, "dataset_description": None, "commit": "c0ffee" * 7, "modified": False}
    frame.attrs["shards"] = [
        said | {"experiment": experiment, "run": run, "seeds": seeds} for experiment, run, seeds in shards
    ]
    return frame


@pytest.mark.parametrize(
    ("shards", "planned", "words"),
    [
        ([("a", "x", [0, 1]), ("a", "x", [2, 3])], {"a": 4}, "realisations: 4   |"),
        ([("a", "x", [0, 1])], {"a": 16}, "realisations: 2 of 16   |"),
        ([("a", "x", [0]), ("b", "x", [0, 1, 2])], {"a": 1, "b": 3}, "realisations: 1 to 3   |"),
        ([("a", "x", [0]), ("b", "x", [0, 1, 2])], {"a": 1, "b": 8}, "realisations: 1 to 3 of 1 to 8   |"),
        ([("a", "x", [0, 1, 2, 3])], {"a": 2}, "realisations: 4   |"),
    ],
)
def test_the_footer_says_how_many_realisations_there_are_of_how_many(shards, planned, words):
    drawing = {"scale": "paper", "data": "bundled", "realisations": planned}
    assert words in style.footer([frame_of(*shards)], drawing)
