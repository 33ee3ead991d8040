"""VGG-style networks in torchvision's layout, and their decoders."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnstatmech.cascades.images import minibatches
from nnstatmech.cascades.vgg import VGG, Decoders, WeightsError, load_features, train_decoders

from .samples import (
    VGG_LAYERS,
    colour_images,
    coloured_blobs,
    network_and_decoders,
    torchvision_state,
)

VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


# Positions of the convolutions in torchvision's VGG16, as in the names of its published weights.
VGG16_CONVOLUTIONS = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


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
    state = torchvision_state(VGG_LAYERS, [0, 2, 5])
    spoil(state)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=message) as error:
        load_features(VGG(VGG_LAYERS, 8), str(tmp_path / "w.pth"))
    assert "\n" not in str(error.value)
    assert "w.pth" in str(error.value)


def test_many_faults_are_counted(tmp_path):
    torch.save(
        {"module." + name: x for name, x in torchvision_state(VGG_LAYERS, [0, 2, 5]).items()}, tmp_path / "w.pth"
    )
    with pytest.raises(WeightsError, match=r"features\.0\.weight is missing.* and 10 more"):
        load_features(VGG(VGG_LAYERS, 8), str(tmp_path / "w.pth"))


@pytest.mark.parametrize("content", [None, b"no archive", b"", b"epochs: 3\n", b"PK\x03\x04", b"\x80\x02", bytes(100)])
def test_unreadable_weights_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as a PyTorch state dict") as error:
        load_features(VGG(VGG_LAYERS, 8), str(tmp_path / "w.pth"))
    assert "\n" not in str(error.value)


class Pickled:
    """Anything but tensors."""


def test_weights_are_never_unpickled(tmp_path):
    torch.save({"features.0.weight": Pickled()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_features(VGG(VGG_LAYERS, 8), str(tmp_path / "w.pth"))


def test_a_network_that_was_saved_whole_is_refused(tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds a list, not the dictionary of a state dict"):
        load_features(VGG(VGG_LAYERS, 8), str(tmp_path / "w.pth"))


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
