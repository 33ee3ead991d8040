"""What holds for any network: duality, agreement of all ways to differentiate, and that nothing but it is measured."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from nnstatmech.probe.probe import probe_model

from .architectures import ARCHITECTURES, architecture
from .networks import gradients, probe_of, tangents, values

NAMES = list(ARCHITECTURES)
# Networks in which batch normalisation can flow through the statistics.
NORMALISED = ["mlp_batch_norm", "resnet", "resnet_pre_activation", "efficientnet", "densenet", "unet"]


def modes():
    return [(name, "default") for name in NAMES] + [
        (name, mode) for name in NORMALISED for mode in ("batch", "running")
    ]


@pytest.mark.parametrize(("name", "mode"), modes())
def test_noise_and_gradients_are_dual(name, mode):
    """⟨g, J dx⟩ = ⟨Jᵀ g, dx⟩."""
    with probe_of(*architecture(name), mode=mode) as probe:
        noise = probe.input_noise()
        forwards, log_scale = tangents(probe)[len(probe.structure.blocks) - 1][1:]
        backwards, cotangent = gradients(probe)
        assert log_scale == backwards[0][1] == 0
        expected = float((backwards[0][0] * noise).sum())
        size = float(cotangent.norm() * forwards.norm())
    assert abs(float((cotangent * forwards).sum()) - expected) < 1e-10 * size
    assert size > 0


@pytest.mark.parametrize(("name", "mode"), modes())
def test_forward_differentiation_agrees_with_differences(name, mode):
    with probe_of(*architecture(name), mode=mode) as probe:
        forwards, differences = tangents(probe), tangents(probe, "differences")
        assert len(forwards) == len(probe.structure.blocks) > 2
        for index, (signal, tangent, log_scale) in forwards.items():
            other = differences[index][1] * np.exp(differences[index][2] - log_scale)
            torch.testing.assert_close(differences[index][0], signal, rtol=1e-10, atol=1e-12)
            assert float((other - tangent).norm()) < 1e-6 * float(tangent.norm())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lstm_batch_second"])
def test_double_backward_agrees_with_forward_differentiation(name):
    with probe_of(*architecture(name)) as probe:
        forwards, backwards = tangents(probe), tangents(probe, "double_backward")
        for index, (_, tangent, _) in forwards.items():
            torch.testing.assert_close(backwards[index][1], tangent, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_the_model(name):
    model, inputs = architecture(name)
    table = probe_model(model, inputs, lenses=("noise",))
    counted = table.drop_duplicates("block")["parameters"].sum()
    assert counted == sum(parameter.numel() for parameter in model.parameters()) == table.attrs["parameters"]


class Nested(nn.Module):
    """A module inside modules that do nothing."""

    def __init__(self, module):
        super().__init__()
        self.inner = nn.Sequential(nn.Identity(), module, nn.Dropout(0.5))

    def forward(self, *args, **kwargs):
        return self.inner[0](self.inner[1](*args, **kwargs))


def with_identities(module):
    """The same network with Identity, Dropout and one more level around each module of torch that has no children."""
    module = copy.deepcopy(module)
    # A tied or parametrised weight is looked up by its owner, which is why these stay as they are.
    plain = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.ReLU, nn.Tanh, nn.GELU, nn.MaxPool2d, nn.LayerNorm, nn.BatchNorm2d)
    for parent in list(module.modules()):
        if isinstance(parent, nn.MultiheadAttention | nn.TransformerEncoderLayer) or hasattr(
            parent, "parametrizations"
        ):
            continue
        for name, child in list(parent.named_children()):
            if type(child) in plain:
                wrapped = Nested(child)
                for attribute in ("weight", "bias"):
                    if hasattr(child, attribute):
                        object.__setattr__(wrapped, attribute, getattr(child, attribute))
                parent._modules[name] = wrapped
    return module


@pytest.mark.parametrize("name", NAMES)
def test_identity_dropout_and_nesting_change_nothing(name):
    model, inputs = architecture(name)
    plain, wrapped = (probe_model(network, inputs) for network in (model, with_identities(model)))
    columns = ["block", "kind", "shape", "parameters", "multiply_adds", "quantity", "value"]
    same = [column for column in columns if column != "kind"]
    a, b = plain[same], wrapped[same]
    assert len(a) == len(b)
    for column in same[:-1]:
        assert list(a[column]) == list(b[column])
    np.testing.assert_allclose(a["value"], b["value"], rtol=1e-12, atol=1e-12)


def channels_last(module):
    """Whether a layer is among those that the twin below calls in another layout."""
    return isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.MaxPool2d)


class LastAround(nn.Module):
    """A layer of images in channels-first convention, used on channels-last tensors."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class FlattenLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 3, 1, 2).flatten(1)


def convolutional(last):
    torch.manual_seed(5)
    layers = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
    ]
    if last:
        layers = [LastAround(layer) if channels_last(layer) else layer for layer in layers]
    return nn.Sequential(*layers, FlattenLast() if last else nn.Flatten(), nn.Linear(8 * 8 * 8, 4))


def assert_same_table(a, b, rtol=1e-9):
    for column in ("block", "shape", "parameters", "multiply_adds", "quantity"):
        assert list(a[column]) == list(b[column]), column
    np.testing.assert_allclose(a["value"], b["value"], rtol=rtol, atol=1e-10)


def test_channels_last_gives_the_same_table():
    x = torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    first = probe_model(convolutional(last=False), x)
    last = probe_model(convolutional(last=True), x.permute(0, 2, 3, 1).contiguous())
    assert_same_table(first, last)


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_batch_second_gives_the_same_table_in_recurrent_networks(cell):
    x = torch.randn(16, 7, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    first = cell(6, 9, batch_first=True)
    second = cell(6, 9)
    second.load_state_dict(first.state_dict())
    assert_same_table(probe_model(first, x), probe_model(second, x.transpose(0, 1).contiguous()))


@pytest.mark.parametrize("norm_first", [True, False])
def test_batch_second_gives_the_same_table_in_transformers(norm_first):
    x = torch.randn(16, 7, 12, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    networks = []
    for batch_first in (True, False):
        layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=batch_first, norm_first=norm_first)
        networks.append(nn.TransformerEncoder(layer, 3, enable_nested_tensor=False))
    networks[1].load_state_dict(networks[0].state_dict())
    assert_same_table(probe_model(networks[0], x), probe_model(networks[1], x.transpose(0, 1).contiguous()))


def test_equal_sizes_do_not_confuse_axes():
    """Eight channels on eight by eight positions: the feature axis is found although all sizes agree."""
    from .architectures import ConvNeXtBlock, MixerBlock

    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(8, 8, 1), ConvNeXtBlock(8), ConvNeXtBlock(8))
    with probe_of(network, torch.randn(12, 8, 8, 8)) as probe:
        assert [block.layout.features for block in probe.structure.blocks] == [1, 1, 1, 1]
    network = nn.Sequential(MixerBlock(8, 8), MixerBlock(8, 8))
    with probe_of(network, torch.randn(12, 8, 8)) as probe:
        assert [block.layout.features for block in probe.structure.blocks] == [2, 2, 2]


def test_a_stated_layout_is_used():
    x = torch.randn(5, 16, 12)
    network = nn.Sequential(nn.Linear(12, 10), nn.Tanh(), nn.Linear(10, 4))
    found, stated = (probe_model(network, x, layout=layout) for layout in (None, "TBD"))
    assert found.attrs["images"] == 5
    assert stated.attrs["images"] == 16
    assert values(stated, "contrast").iloc[0] != pytest.approx(values(found, "contrast").iloc[0])


def test_shared_modules_are_numbered_by_call():
    model, inputs = architecture("shared_layer")
    names = list(probe_model(model, inputs, lenses=("noise",)).drop_duplicates("block")["name"])
    assert names == ["input", "embed", "layer", "layer#2", "layer#3", "layer#4", "head"]


def test_blocks_are_those_of_a_reader():
    model, inputs = architecture("resnet")
    table = probe_model(model, inputs, lenses=("noise",)).drop_duplicates("block")
    assert list(table["name"]) == ["input", "conv1", "maxpool", "layers.0.0", "layers.1.0", "avgpool", "fc"]
    assert list(table["shape"]) == ["3x16x16", "8x16x16", "8x8x8", "8x8x8", "16x4x4", "16x1x1", "5"]
    multiply_adds = 8 * 27 * 256
    assert list(table["multiply_adds"])[:3] == [0, multiply_adds, 0]


def test_a_stretch_of_sums_says_from_where_to_where():
    model, inputs = architecture("sums_outside")
    table = probe_model(model, inputs, lenses=("noise",)).drop_duplicates("block")
    assert list(table["name"]) == ["input", "embed", "attention.0.qkv to head"]
    assert list(table["kind"]) == ["input", "Linear", "stretch"]


def test_the_fine_mode_keeps_normalisations_and_activations_apart():
    model, inputs = architecture("mlp_batch_norm")
    kinds = list(probe_model(model, inputs, lenses=("noise",), fine=True).drop_duplicates("block")["kind"])
    assert kinds[:6] == ["input", "Flatten", "Linear", "BatchNorm1d", "ReLU", "Linear"]
