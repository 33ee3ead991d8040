"""VGG-style networks in torchvision's layout, their decoders, and images of single channels."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nnstatmech.cascades.images import ColourImages, minibatches
from nnstatmech.cascades.params import Channels
from nnstatmech.cascades.tasks import channels as task
from nnstatmech.cascades.vgg import (
    VGG,
    Decoders,
    WeightsError,
    accuracy,
    initialise,
    load_features,
    train_decoders,
)
from nnstatmech.datasets import Dataset
from nnstatmech.seeding import torch_stream
from nnstatmech.storage.tables import require_finite

CPU = torch.device("cpu")
LAYERS = [4, 5, "M", 6, "M"]
VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
# Positions of the convolutions in torchvision's VGG16, as in the names of its published weights.
VGG16_CONVOLUTIONS = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


def coloured_blobs(side=8, train=200, test=100, colours=3) -> Dataset:
    """Ten classes of images, each a fixed random pattern and noise."""
    stream = np.random.default_rng(6)
    patterns = stream.integers(40, 216, size=(10, side, side, colours))
    labels = np.arange(train + test) % 10
    images = patterns[labels] + stream.normal(0, 30, size=(train + test, side, side, colours))
    images = images.clip(0, 255).astype(np.uint8)
    return Dataset("cifar10", images[:train], labels[:train], images[train:], labels[train:], "patterns", True)


def network_and_decoders(layers=LAYERS, resolution=8):
    network, decoders = VGG(layers, resolution, 10), Decoders(layers)
    initialise(network, torch_stream(0, "network"))
    initialise(decoders, torch_stream(0, "decoders"))
    return network, decoders


def torchvision_state(layers, positions):
    """A random state dict named and shaped like torchvision's."""
    state, before = {}, 3
    for position, width in zip(positions, [layer for layer in layers if layer != "M"], strict=True):
        state[f"features.{position}.weight"] = torch.randn(width, before, 3, 3)
        state[f"features.{position}.bias"] = torch.randn(width)
        before = width
    return state | {"classifier.0.weight": torch.randn(7, 9), "classifier.6.bias": torch.randn(1000)}


def test_layers_are_counted_from_the_image():
    network, _ = network_and_decoders()
    images = torch.randn(2, 3, 8, 8)
    activations = network.activations(images)
    assert [tuple(a.shape[1:]) for a in activations] == [
        (3, 8, 8),
        (4, 8, 8),
        (5, 8, 8),
        (5, 4, 4),
        (6, 4, 4),
        (6, 2, 2),
    ]
    torch.testing.assert_close(activations[-1], network.features(images))
    for before, after in pairwise(activations[1:]):
        assert (after >= 0).all()
        if before.shape[2] != after.shape[2]:
            torch.testing.assert_close(after, functional.max_pool2d(before, 2))
    assert network(images).shape == (2, 10)


def test_vgg16_has_torchvision_names_and_eighteen_layers(tmp_path):
    network = VGG(VGG16, 224)
    assert len(network.layer_ends) == 18
    state = torchvision_state(VGG16, VGG16_CONVOLUTIONS)
    torch.save(state, tmp_path / "vgg16.pth")
    load_features(network, str(tmp_path / "vgg16.pth"))
    for position in VGG16_CONVOLUTIONS:
        torch.testing.assert_close(network.features[position].weight, state[f"features.{position}.weight"])
    # Layer 7 of torchvision's features is the fourth convolution: our layer 5, after two poolings' worth of indices.
    torch.testing.assert_close(network.layer(5)[0].bias, state["features.7.bias"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("features.2.bias"), "features.2.bias is missing"),
        (lambda state: state.update({"features.1.weight": torch.zeros(4)}), "features.1.weight is not known"),
        (
            lambda state: state.update({"features.0.weight": torch.zeros(8, 3, 3, 3)}),
            r"features.0.weight has shape \(8, 3, 3, 3\) instead of \(4, 3, 3, 3\)",
        ),
        (
            lambda state: state.update({"features.0.weight": [1.0, 2.0]}),
            "features.0.weight is no tensor but of type list",
        ),
        (lambda state: state.update({"features.0.bias": 1}), "features.0.bias is no tensor but of type int"),
        (lambda state: state.update({0: torch.zeros(3)}), "0 is not known"),
        (
            lambda state: state.update({"features.2.bias": torch.tensor([0, 1, 2, 3, float("nan")])}),
            "features.2.bias has 1 weights that are not finite",
        ),
        (
            lambda state: state["features.0.weight"].fill_(float("inf")),
            "features.0.weight has 108 weights that are not finite",
        ),
        (
            lambda state: state.update({"features.0.bias": torch.zeros(4, dtype=torch.int64)}),
            "features.0.bias holds torch.int64",
        ),
        (
            lambda state: state.update({"features.0.bias": torch.zeros(4, dtype=torch.complex64)}),
            "features.0.bias holds torch.complex64",
        ),
        (lambda state: state.update({"features.0.bias": torch.zeros(4).to_sparse()}), "layout torch.sparse_coo"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_sentence(tmp_path, spoil, message):
    state = torchvision_state(LAYERS, [0, 2, 5])
    spoil(state)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=message) as error:
        load_features(VGG(LAYERS, 8), str(tmp_path / "w.pth"))
    assert "\n" not in str(error.value)
    assert "w.pth" in str(error.value)


def test_many_faults_are_counted(tmp_path):
    torch.save({"module." + name: x for name, x in torchvision_state(LAYERS, [0, 2, 5]).items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"features\.0\.weight is missing.* and 10 more"):
        load_features(VGG(LAYERS, 8), str(tmp_path / "w.pth"))


@pytest.mark.parametrize("content", [None, b"no archive", b"", b"epochs: 3\n", b"PK\x03\x04", b"\x80\x02", bytes(100)])
def test_unreadable_weights_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as a PyTorch state dict") as error:
        load_features(VGG(LAYERS, 8), str(tmp_path / "w.pth"))
    assert "\n" not in str(error.value)


class Pickled:
    """Anything but tensors."""


def test_weights_are_never_unpickled(tmp_path):
    torch.save({"features.0.weight": Pickled()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_features(VGG(LAYERS, 8), str(tmp_path / "w.pth"))


def test_a_network_that_was_saved_whole_is_refused(tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds a list, not the dictionary of a state dict"):
        load_features(VGG(LAYERS, 8), str(tmp_path / "w.pth"))


def test_decoders_give_back_the_shapes():
    network, decoders = network_and_decoders()
    activations = network.activations(torch.randn(2, 3, 8, 8))
    for layer in range(1, 6):
        assert decoders.decode(activations[layer], layer).shape == activations[layer - 1].shape
        assert decoders.cascade(activations[layer], layer).shape == activations[0].shape
    assert (decoders.decode(activations[2], 2) >= 0).all()
    assert (decoders.decode(activations[1], 1) < 0).any()


def test_a_shifting_convolution_is_undone_exactly():
    """A convolution that shifts the image by a pixel, the transposed one that shifts it back: equal inside the crop."""
    network, decoders = VGG([3], 6), Decoders([3])
    with torch.no_grad():
        for module, tap in ((network.features[0], (2, 1)), (decoders.stages[0], (2, 1))):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
            for colour in range(3):
                module.weight[colour, colour, *tap] = 1
    images = torch.rand(2, 3, 6, 6)
    shifted = network.layer(1)(images)
    torch.testing.assert_close(shifted[:, :, :-1], images[:, :, 1:])
    torch.testing.assert_close(decoders.cascade(shifted, 1)[:, :, 1:], images[:, :, 1:])


def test_pooling_of_constant_blocks_is_undone_exactly():
    decoders = Decoders(["M"])
    with torch.no_grad():
        decoders.stages[0].weight.copy_(torch.eye(3)[:, :, None, None].expand(-1, -1, 2, 2))
        decoders.stages[0].bias.zero_()
    images = torch.rand(2, 3, 4, 4).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(decoders.cascade(VGG(["M"], 8).layer(1)(images), 1), images)


def test_channels_alone_are_cascades_of_masked_activations(monkeypatch):
    network, decoders = network_and_decoders()
    activation = network.activations(torch.randn(1, 3, 8, 8))[4][0]
    found = decoders.channel_images(activation, 4, [5, 0, 2])
    for picture, channel in zip(found, (5, 0, 2), strict=True):
        masked = torch.zeros_like(activation)
        masked[channel] = activation[channel]
        torch.testing.assert_close(picture, decoders.cascade(masked[None], 4)[0])
    monkeypatch.setattr("nnstatmech.cascades.vgg.DECODER_CHUNK", 2)
    torch.testing.assert_close(decoders.channel_images(activation, 4, [5, 0, 2]), found)


def colour_images(dataset):
    mean, deviation = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)
    return ColourImages(torch.tensor(dataset.train_images), 8, mean, deviation)


def test_decoders_train_independently_of_each_other():
    """The first decoder learns the same whether or not deeper ones learn beside it."""
    images = colour_images(coloured_blobs())
    order = minibatches(0, "decoders", len(images), 50, 6)
    (network, deep), shallow = network_and_decoders(), network_and_decoders([4])[1]
    shallow.load_state_dict({name: x for name, x in deep.state_dict().items() if name.startswith("stages.0.")})
    errors = train_decoders(network, deep, images, order, 1e-2, lambda: None)
    alone = train_decoders(network, shallow, images, order, 1e-2, lambda: None)
    torch.testing.assert_close(errors[:1], alone)
    torch.testing.assert_close(deep.stages[0].weight, shallow.stages[0].weight)


def test_colours_are_normalised_and_restored():
    pixels = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
    mean, deviation = torch.tensor([0.5, 0.2, 0.0])[:, None, None], torch.tensor([0.5, 1.0, 2.0])[:, None, None]
    images = ColourImages(pixels, 1, mean, deviation)
    torch.testing.assert_close(images[:1].flatten(), torch.tensor([-1.0, 0.0, 0.5]))
    torch.testing.assert_close(images.restore(images[:1]).flatten(), torch.tensor([0.0, 0.2, 1.0]))
    grey = ColourImages(pixels[..., :1], 2, mean, deviation)
    assert grey[torch.tensor([0, 0])].shape == (2, 3, 2, 2)


def test_accuracy_counts_all_images():
    network, _ = network_and_decoders()
    images = colour_images(coloured_blobs())
    labels = network(images[:200]).argmax(1)
    labels[:50] = (labels[:50] + 1) % 10
    assert accuracy(network, images, labels, batch_size=64) == 0.75


SMALL = {
    "layers": LAYERS,
    "resolution": 8,
    "steps": 60,
    "learning_rate": 1e-2,
    "decoder_steps": 60,
    "decoder_learning_rate": 1e-2,
    "batch_size": 50,
    "shown_images": 2,
}


def frame(params, seeds, dataset=None):
    table = task.run(params, seeds, dataset or coloured_blobs(), CPU)
    assert table.schema.equals(task.columns)
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
    torch.save(torchvision_state(LAYERS, [0, 2, 5]), tmp_path / "w.pth")
    params = Channels(weights=str(tmp_path / "w.pth"), normalisation="imagenet", strongest={4: 3}, **SMALL)
    dataset = coloured_blobs(colours=1)
    unlabelled = Dataset("own", dataset.train_images, None, dataset.test_images, None, "own images", False)
    found = frame(params, [0], unlabelled)
    assert set(found.quantity) == {"decoder_error", "explained_variance", "input", "reconstruction", "channel"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 10}, "must be a multiple of 4, because 2 poolings halve the image"),
        ({"strongest": {6: 1}}, "layer 6 does not exist; layers are 1 to 5"),
        ({"strongest": {3: 6}}, "layer 3 has 5 channels, but 6 was asked for"),
        ({"channels": {5: [6]}}, r"layer 5 has 6 channels, but \[6\] was asked for"),
    ],
)
def test_parameters_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        Channels(**SMALL | change)


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
