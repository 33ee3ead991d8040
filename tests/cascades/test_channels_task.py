"""The task `channels`: networks that are trained or loaded, and images of single channels."""

import numpy as np
import pytest
import torch

from nnstatmech.cascades.params import Channels
from nnstatmech.cascades.tasks import channels as task
from nnstatmech.datasets import Dataset
from nnstatmech.storage.tables import require_finite, schema_of

from .samples import CPU, VGG_LAYERS, coloured_blobs, torchvision_state

SMALL = {
    "layers": VGG_LAYERS,
    "resolution": 8,
    "steps": 60,
    "learning_rate": 1e-2,
    "decoder_steps": 60,
    "decoder_learning_rate": 1e-2,
    "batch_size": 50,
    "shown_images": 2,
}


def test_a_network_that_diverges_is_at_chance_and_has_no_pictures():
    found = frame(Channels(**SMALL | {"learning_rate": 1e38}), [0])
    assert found.set_index("quantity").value.to_dict() == {"accuracy": 0.1, "test_images": 100}


def frame(params, seeds, dataset=None):
    table = task.run(params, seeds, dataset or coloured_blobs(), CPU)
    assert table.schema.equals(schema_of(Channels.columns))
    require_finite(table, "channels")
    return table.to_pandas()


def test_task_learns_decodes_and_shows_channels():
    found = frame(Channels(strongest={1: 2, 5: 6}, channels={5: [0], 3: [4]}, **SMALL), [0])
    value = found.groupby("quantity", observed=True).value
    # 60 steps separate ten fixed patterns; guessing would give 0.1.
    assert value.first()["accuracy"] > 0.9
    assert value.first()["test_images"] == 100
    explained = found[found.quantity == "explained_variance"].set_index("layer").value
    # Layer 5 has 24 values for the 192 of an image, layer 1 has 256.
    assert explained[1] > 0.4
    assert explained[1] > explained[5] + 0.1
    assert (found.quantity == "reconstruction").sum() == 2 * 5
    channels = found[(found.quantity == "channel") & (found.image == 0)].set_index(["layer", "channel"])
    assert sorted(channels.index) == [
        *[(1, c) for c in sorted(channels.loc[1].index)],
        (3, 4),
        *[(5, c) for c in range(6)],
    ]
    assert len(channels.loc[1]) == 2
    for pixels in channels.pixels:
        assert len(pixels) == 8 * 8 * 3
        # A channel without any activation can decode to a constant picture.
        assert pixels.min() == 0
        assert pixels.max() in (0, 1)
    inputs = found[(found.quantity == "input") & (found.image == 1)].iloc[0]
    np.testing.assert_allclose(inputs.pixels, coloured_blobs().test_images[1].ravel() / 255, atol=1e-6)
    assert inputs.label == 1


def test_task_does_not_depend_on_the_shard():
    params = Channels(**SMALL | {"steps": 5, "decoder_steps": 5})
    together, alone = frame(params, [0, 1]), frame(params, [1])
    np.testing.assert_allclose(together[together.seed == 1].value.dropna(), alone.value.dropna(), rtol=1e-5)


def test_task_decodes_a_network_that_the_user_brings(tmp_path):
    torch.save(torchvision_state(VGG_LAYERS, [0, 2, 5]), tmp_path / "w.pth")
    params = Channels(weights=str(tmp_path / "w.pth"), normalisation="imagenet", strongest={4: 3}, **SMALL)
    dataset = coloured_blobs(colours=1)
    unlabelled = Dataset("own", dataset.train_images, None, dataset.test_images, None, "own images", False)
    found = frame(params, [0], unlabelled)
    assert set(found.quantity) == {"decoder_error", "explained_variance", "input", "reconstruction", "channel"}


def test_constant_pictures_stretch_to_black():
    pictures = torch.stack([torch.full((3, 2, 2), 0.7), torch.linspace(-1, 3, 12).view(3, 2, 2)])
    found = task.stretched(pictures)
    assert (found[0] == 0).all()
    assert (found[1].min(), found[1].max()) == (0, 1)


@pytest.mark.slow
@pytest.mark.official_data
def test_accuracy_on_cifar10(official_dataset):
    """480 minibatches of 100 images bring the small network to an accuracy of about 0.6."""
    params = Channels(layers=[16, 16, "M", 32, 32, "M", 64, 64, "M"], decoder_steps=1)
    found = frame(params, [0], official_dataset("cifar10"))
    # 2000 test images: a standard error of .011; single runs at this setting gave .59 and .60.
    assert found[found.quantity == "accuracy"].value.item() == pytest.approx(0.6, abs=0.05)
