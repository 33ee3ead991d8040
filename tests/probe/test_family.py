"""The family: parameters, tasks, curves and figures."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from nnstatmech.datasets import Dataset
from nnstatmech.probe import examples
from nnstatmech.probe.curves import lines_of
from nnstatmech.probe.figures import portrait
from nnstatmech.probe.params import Initialisation, Training
from nnstatmech.probe.probe import probe_model
from nnstatmech.probe.tasks import initialisation, training
from nnstatmech.storage.tables import require_finite, schema_of

CPU = torch.device("cpu")
SMALL = {"pixels": 48, "width": 12, "depth": 3, "classes": 3}


def dataset(count=80):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, count)
    images = (generator.integers(0, 120, (count, 4, 4, 3)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    return Dataset("mnist", images[:60], labels[:60], images[60:], labels[60:], "blobs", stand_in=True)


def params(task=Initialisation, **settings):
    return task(**{"model": "examples:mlp", "arguments": SMALL, "images": 16, "cascade_images": 32, **settings})


def frame(table, run="single", **axes):
    result = table.to_pandas().assign(experiment="test", run=run, **axes)
    result.attrs["runs"] = {run: {}}
    return result


def test_a_task_gives_its_columns_and_null_for_what_is_undefined():
    table = initialisation.run(params(), [0, 1], dataset(), CPU)
    assert table.schema.equals(schema_of(Initialisation.columns))
    require_finite(table, "probe")
    values = table.to_pandas()
    assert set(values["seed"]) == {0, 1}
    assert set(values["step"]) == {0}
    assert values["batch_norm"].isna().all()
    assert values.loc[values["quantity"] == "delta_chi", "value"].isna().sum() == 2  # at the input of both


def test_a_realisation_does_not_depend_on_the_shard():
    together = initialisation.run(params(), [0, 1], dataset(), CPU).to_pandas()
    alone = initialisation.run(params(), [1], dataset(), CPU).to_pandas()
    chosen = together[together["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen, alone)
    other = together[together["seed"] == 0]["value"].reset_index(drop=True)
    assert (chosen["value"] - other).abs().max() > 1e-3


def test_training_is_probed_at_its_steps():
    arguments = SMALL | {"batch_norm": True, "activation": "relu"}
    settings = params(Training, arguments=arguments, steps=[0, 5, 60], batch_size=16, learning_rate=0.05, classes=3)
    table = training.run(settings, [0], dataset(), CPU)
    assert table.schema.equals(schema_of(Training.columns))
    values = table.to_pandas()
    assert list(values["step"].unique()) == [0, 5, 60]
    assert set(values["batch_norm"].dropna()) == {"held"}  # one mode for all: a state has initial running statistics
    accuracy = values[values["quantity"] == "accuracy"].set_index("step")["value"]
    assert accuracy[60] > 0.8 > accuracy[0]
    trained = values[(values["quantity"] == "log_mu2_signal") & (values["block"] == 2)].set_index("step")["value"]
    assert trained[60] != trained[0]


def test_the_file_of_a_model_is_part_of_its_run(tmp_path):
    file = tmp_path / "my_models.py"
    file.write_text("from nnstatmech.probe.examples import mlp as build\n")
    mine = Initialisation(model=f"{file}:build", arguments=SMALL, images=16, cascade_images=32)
    assert mine.file == str(file)
    assert Initialisation.files == ("file",)
    assert Initialisation.model_validate(mine.model_dump()) == mine
    assert params().file is None
    table = initialisation.run(mine, [0], dataset(), CPU).to_pandas()
    shipped = initialisation.run(params(), [0], dataset(), CPU).to_pandas()
    pd.testing.assert_frame_equal(table, shipped)


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        (Initialisation, {"model": "build"}, "model"),
        (Initialisation, {"images": 1}, "images"),
        (Initialisation, {"lenses": ["nose"]}, "lenses"),
        (Initialisation, {"batch_norm": "eval"}, "batch_norm"),
        (Training, {"steps": [10, 0]}, "must increase"),
        (Training, {"steps": []}, "steps"),
    ],
    ids=str,
)
def test_parameters_out_of_range(task, settings, message):
    with pytest.raises(ValidationError, match=message):
        params(task, **settings)


NETWORKS = {
    "mlp": ({}, (1, 28, 28)),
    "mlp normalised": ({"batch_norm": True, "activation": "relu"}, (1, 28, 28)),
    "vgg": ({"width": 4}, (3, 32, 32)),
    "vgg plain": ({"width": 4, "batch_norm": False}, (3, 32, 32)),
    "resnet": ({"width": 4, "blocks": [1, 1]}, (3, 32, 32)),
    "resnet plain": ({"width": 4, "blocks": [2], "batch_norm": False}, (3, 32, 32)),
    "transformer": ({"width": 8, "depth": 2, "heads": 2}, (3, 32, 32)),
    "transformer post": ({"width": 8, "depth": 2, "heads": 2, "norm": "post"}, (3, 32, 32)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_examples_can_be_probed(name):
    arguments, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = getattr(examples, name.split()[0])(**arguments)
    table = probe_model(network, torch.randn(8, *shape), batch=8)
    assert network(torch.randn(8, *shape)).shape == (8, 10)
    assert table.drop_duplicates("block")["parameters"].sum() == sum(p.numel() for p in network.parameters())
    assert "stretch" not in set(table["kind"]), list(table.drop_duplicates("block")["name"])


def tables():
    first, second = (
        frame(
            initialisation.run(params(arguments=SMALL | {"weight_variance": v}), [0, 1], dataset(), CPU),
            name,
            phase=name,
        )
        for name, v in (("ordered", 0.5), ("chaotic", 4.0))
    )
    sweep = pd.concat([first, second], ignore_index=True)
    sweep.attrs["runs"] = {"ordered": {}, "chaotic": {}}
    steps = frame(training.run(params(Training, steps=[0, 3], classes=3), [0], dataset(), CPU))
    own = probe_model(examples.mlp(**SMALL), torch.randn(16, 3, 4, 4))
    return {"sweep": (sweep, ["ordered", "chaotic"]), "steps": (steps, ["step 0", "step 3"]), "own": (own, [""])}


@pytest.fixture(scope="module")
def shown():
    return tables()


@pytest.mark.parametrize("name", ["sweep", "steps", "own"])
@pytest.mark.parametrize("sentences", [True, False])
def test_portraits(name, sentences, shown):
    table, labels = shown[name]
    assert [line.label for line in lines_of(table)] == labels
    figure = portrait.blocks(table, scale="laptop", sentences=sentences)
    axes = [ax for part in [figure, *figure.subfigs] for ax in part.axes]
    panels = list(dict.fromkeys(axes))
    assert len(panels) == 6
    assert all(ax.get_lines() for ax in panels)
    assert all(ax.get_ylabel() for ax in panels)
    figure.draw_without_rendering()


def test_a_line_is_the_mean_over_realisations(shown):
    table, _ = shown["sweep"]
    line = next(lines_of(table))
    curve = line.curve("log_chi")
    rows = table[(table["run"] == "ordered") & (table["quantity"] == "log_chi")]
    np.testing.assert_allclose(curve["mean"], rows.groupby("block")["value"].mean())
    assert list(curve["count"]) == [2] * 6
    assert list(line.blocks["kind"]) == ["input", "Flatten", "Linear", "Linear", "Linear", "Linear"]
