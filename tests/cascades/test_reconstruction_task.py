"""The task `reconstruction`: trained networks, artificial outputs, and what cascades make of them."""

import numpy as np
import pytest

from nnstatmech.cascades.measures import intended_classes
from nnstatmech.cascades.params import Reconstruction
from nnstatmech.cascades.tasks import reconstruction as task
from nnstatmech.storage.tables import require_finite, schema_of

from .samples import CPU, labelled_blobs

SMALL = {"resolution": 6, "presentations": 30000, "decoder_presentations": 30000, "learning_rate": 3e-3}


def patterns(test=200):
    return labelled_blobs(noise=10, test=test)


def frame(params, seeds, dataset=None):
    table = task.run(params, seeds, dataset or patterns(), CPU)
    assert table.schema.equals(schema_of(Reconstruction.columns))
    require_finite(table, "reconstruction")
    return table.to_pandas()


def test_task_gives_every_picture():
    params = Reconstruction(architecture="shrinking", depth=5, shown_class=3, shown_images=2, **SMALL)
    found = frame(params, [0])
    count = found.groupby("quantity", observed=True).size()
    assert dict(count) == {
        "accuracy": 1,
        "explained_variance": 4,
        "class_optimal": 10,
        "input": 2,
        "reconstruction": 2 * 4,
        "activation": 2 * 4,
    }
    value = found.groupby("quantity", observed=True).value.first()
    assert value["accuracy"] > 0.9
    shown = found[found.quantity == "input"]
    assert list(shown.image) == [3, 13]  # labels count 0, ..., 9 over and over
    assert (shown.label == 3).all()
    np.testing.assert_allclose(shown.pixels.iloc[0], patterns().test_images[3].ravel() / 255, atol=1e-6)
    units = found[(found.quantity == "activation") & (found.image == 3)].set_index("layer")
    assert [len(pixels) for pixels in units.pixels] == list(units.width) == [30, 23, 17, 10]
    assert np.argmax(units.pixels[4]) == 3
    explained = found[found.quantity == "explained_variance"].value
    assert explained.is_monotonic_decreasing
    assert explained.iloc[0] > 0.8


def test_class_optimal_inputs_are_the_patterns_of_the_classes():
    """Decoded from perfect outputs, each class gives an image that is nearest to its own pattern."""
    dataset = patterns()
    found = frame(Reconstruction(architecture="wide", depth=3, **SMALL), [0, 1], dataset)
    optimal = found[found.quantity == "class_optimal"]
    means = np.stack([dataset.train_images[dataset.train_labels == label].mean(0).ravel() for label in range(10)]) / 255
    for row in optimal.itertuples():
        assert np.square(means - row.pixels).sum(1).argmin() == row.label
    measured = intended_classes(found)
    assert (measured.value, measured.standard_error) == (10, 0)


def test_task_does_not_depend_on_the_shard():
    params = Reconstruction(
        architecture="shrinking", depth=3, **SMALL | {"presentations": 640, "decoder_presentations": 640}
    )
    together, alone = frame(params, [0, 1]), frame(params, [1])
    both = together[together.seed == 1].reset_index(drop=True)
    np.testing.assert_allclose(both.value.dropna(), alone.value.dropna(), rtol=1e-3, atol=0.005)
    for one, other in zip(both.pixels.dropna(), alone.pixels.dropna(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_network_that_diverges_is_at_chance_and_has_no_pictures():
    params = Reconstruction(architecture="shrinking", depth=3, **SMALL | {"learning_rate": 1e38, "presentations": 640})
    found = frame(params, [0, 1])
    assert found[["seed", "quantity", "value"]].values.tolist() == [[0, "accuracy", 0.1], [1, "accuracy", 0.1]]


def test_a_class_without_test_images_is_refused():
    dataset = patterns(test=3)
    params = Reconstruction(architecture="wide", depth=3, shown_class=5, **SMALL)
    with pytest.raises(ValueError, match="shown_class = 5: none of the 3 test images"):
        frame(params, [0], dataset)


@pytest.mark.slow
@pytest.mark.official_data
def test_all_class_optimal_digits_are_classified_as_intended(official_dataset):
    found = frame(Reconstruction(architecture="shrinking", depth=10), [0], official_dataset("mnist"))
    assert intended_classes(found).value == 10
    assert found[found.quantity == "accuracy"].value.item() > 0.9
