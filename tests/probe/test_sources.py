"""Models by name: what a library that cannot be imported says."""

import sys
import types

import pytest
from torch import nn

from nnstatmech.probe.checks import ProbeError
from nnstatmech.probe.sources import builder


class Broken:
    """A finder of modules whose import fails, as that of a release made for another one of torch."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")


def test_a_library_for_another_release_of_torch(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken, *sys.meta_path])
    with pytest.raises(
        ProbeError, match=r"torchvision.*cannot be imported \(operator .*nms.*release of torch"
    ) as error:
        builder("torchvision:resnet18")
    assert "\n" not in str(error.value)


def test_timm_makes_models_without_weights(monkeypatch):
    seen = {}

    def create_model(name, pretrained, **arguments):
        seen.update(name=name, pretrained=pretrained, **arguments)
        return nn.Linear(2, 2)

    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=create_model))
    assert isinstance(builder("timm:vit_tiny_patch16_224", {"num_classes": 10})(), nn.Linear)
    assert seen == {"name": "vit_tiny_patch16_224", "pretrained": False, "num_classes": 10}
