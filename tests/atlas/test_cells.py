"""The task, what figures and claims read from its table, and its pictures."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from nnstatmech.atlas import curves, measures
from nnstatmech.atlas.figures import phase, ranking
from nnstatmech.atlas.images import standardised
from nnstatmech.atlas.params import Cells
from nnstatmech.atlas.tasks import cells
from nnstatmech.datasets import Dataset
from nnstatmech.probe.checks import ProbeError
from nnstatmech.ranking import resamples
from nnstatmech.readings import NotMeasured
from nnstatmech.seeding import numpy_stream
from nnstatmech.storage.tables import require_finite, schema_of

CPU = torch.device("cpu")
SMALL = {"values": [0.5, 1.5, 40.0], "depths": [1, 4], "width": 8, "resolution": 8, "classes": 3, "steps": [10, 40]}
SMALL |= {"chosen_after": 20, "rates": [1e-6, 0.05], "score_images": 8, "batch_size": 16, "probe_images": 40}


def dataset(labels=True):
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 3, 240)
    bases = generator.integers(0, 200, (3, 8, 8, 1))
    images = (bases[kinds] + generator.integers(0, 50, (240, 8, 8, 1))).astype(np.uint8)
    named = (kinds[:200], kinds[200:]) if labels else (None, None)
    return Dataset("mnist", images[:200], named[0], images[200:], named[1], "blobs", stand_in=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    parts, runs = [], {}
    for plane in ("dense_tanh", "dense_relu"):
        params = Cells(plane=plane, **SMALL)
        parts.append(cells.run(params, [0, 1], dataset(), CPU).to_pandas().assign(run=plane))
        runs[plane] = params.model_dump()
    found = pd.concat(parts, ignore_index=True)
    found.attrs["runs"] = runs
    return found


def test_a_task_gives_its_columns_and_null_for_what_is_undefined():
    found = cells.run(Cells(**SMALL), [0], dataset(), CPU)
    assert found.schema.equals(schema_of(Cells.columns))
    require_finite(found, "atlas")
    table = found.to_pandas()
    values = table[table["block"].isna()]
    assert set(table.loc[table["block"].notna(), "quantity"]) == {*cells.ALONG_BLOCKS, "multiply_adds"}
    assert values.loc[values["quantity"] == "naswot", "value"].isna().all()  # tanh has no codes
    assert (values["quantity"] == "loss").sum() == 2 * 3 * 2
    assert (values["quantity"] == "accuracy").sum() == 2 * 3 * 2


def test_a_realisation_does_not_depend_on_the_shard(table):
    alone = cells.run(Cells(plane="dense_tanh", **SMALL), [1], dataset(), CPU).to_pandas()
    together = table[(table["run"] == "dense_tanh") & (table["seed"] == 1)].reset_index(drop=True)
    for name in ("initial_value", "depth", "block", "step", "rate", "quantity", "value"):
        left, right = alone[name].astype(object), together[name].astype(object)
        assert left.where(left.notna(), None).tolist() == right.where(right.notna(), None).tolist()


def test_the_rate_of_the_smaller_loss_goes_on(table):
    shallow = table[(table["depth"] == 1) & (table["initial_value"] == 1.5)]
    assert (shallow.loc[shallow["quantity"] == "accuracy", "rate"] == 0.05).all()
    late = shallow[(shallow["quantity"] == "accuracy") & (shallow["step"] == 40)]
    assert (late["value"] > 0.9).all()


def test_what_overflows_is_at_chance_and_has_holes_for_scores():
    settings = SMALL | {"values": [1e30], "depths": [4]}
    values = cells.run(Cells(plane="dense_relu", **settings), [0], dataset(), CPU).to_pandas()
    assert values.loc[values["quantity"] == "accuracy", "value"].tolist() == [1 / 3, 1 / 3]
    assert values.loc[values["quantity"] == "loss", "value"].isna().all()


def test_images_are_the_grey_ones_of_the_cascades_standardised():
    data = dataset()
    part = standardised(data, 4, 30)
    order = numpy_stream(0, "atlas", "training images").permutation(200)
    pixels = torch.from_numpy(data.train_images[order]).float().view(200, 4, 2, 4, 2).mean((2, 4)) / 255
    assert part.train.shape == (200, 1, 4, 4)
    torch.testing.assert_close(part.train[:, 0], (pixels - pixels.mean()) / pixels.std())
    assert part.test.shape == (30, 1, 4, 4)


def test_images_without_labels_are_refused():
    with pytest.raises(ProbeError, match="blobs has no labels"):
        cells.run(Cells(**SMALL), [0], dataset(labels=False), CPU)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"steps": [20, 10]}, "must increase"), ({"chosen_after": 41}, "at most the last of steps")],
)
def test_wrong_settings_are_named(changed, said):
    with pytest.raises(ValidationError, match=said):
        Cells(**SMALL | changed)


def test_networks_have_scores_and_an_outcome(table):
    found = curves.networks_of(table)
    assert len(found) == 2 * 3 * 2 * 2
    assert (found["trains"] == (found["accuracy"] > 0.5)).all()
    assert set(found.loc[found["held_out"], "depth"]) == {4}
    scores = curves.scores_in(found)
    assert (scores["depth"] < 0).all()
    early = curves.networks_of(table, 10)
    assert (early["accuracy"] != found["accuracy"]).any()
    with pytest.raises(NotMeasured, match="11 minibatches"):
        curves.networks_of(table, 11)


def test_the_seeds_of_a_cell_are_drawn_together():
    cells = pd.DataFrame({"plane": "p", "initial_value": np.repeat([1.0, 2.0, 3.0], 2), "depth": 4, "seed": [0, 1] * 3})
    for rows in resamples(curves.cells_of(cells), 50):
        counts = np.bincount(rows, minlength=6)
        assert (counts[::2] == counts[1::2]).all()
        assert counts.sum() == 6


def test_gains_are_paired(table):
    same = measures.gain(table, "depth", "depth")
    assert (same.value, same.standard_error) == (0, 0)
    one = measures.area(table, "gradient_ratio")
    assert 0 <= one.value <= 1
    share = measures.trained_share(table, "dense_tanh", 40)
    rows = table[(table["run"] == "dense_tanh") & (table["quantity"] == "accuracy") & (table["step"] == 40)]
    assert share.value == pytest.approx((rows["value"] > 0.5).mean())


@pytest.mark.parametrize("draw", [phase.planes, phase.budget, ranking.scores])
def test_figures_draw(table, draw, monkeypatch):
    monkeypatch.setattr(curves, "RESAMPLED", 10)
    draw(table, scale="laptop").canvas.draw()
