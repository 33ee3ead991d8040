"""Where models come from by name: a function in a file of one's own, or one of torchvision or timm."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from . import examples
from .checks import ProbeError, first_line

LIBRARIES = {"torchvision": "torchvision.models", "timm": "timm"}


def builder(name: str, arguments: Mapping[str, Any] = {}) -> Callable[[], nn.Module]:
    """A function that makes a new network each time it is called.

    Parameters
    ----------
    name
        ``my_models.py:build`` (a function in a file, which is executed), ``torchvision:resnet18``, ``timm:vit_tiny…``,
        or ``examples:resnet`` (those of :mod:`nnstatmech.probe.examples`). Nothing is ever downloaded.
    arguments
        Keyword arguments of the function.

    Raises
    ------
    ProbeError
        If there is no such file, function or library, or the function does not take the arguments.
    """
    where, _, attribute = name.rpartition(":")
    if not where or not attribute:
        raise ProbeError(f"model {name!r}: write file.py:function, torchvision:name, timm:name or examples:name")
    function = function_of(where, attribute)
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise ProbeError(f"model {name!r}: {first_line(error)}") from error

    def build() -> nn.Module:
        model = function(**arguments)
        if not isinstance(model, nn.Module):
            raise ProbeError(f"model {name!r}: gives a {type(model).__name__}, not a torch.nn.Module")
        return model

    return build


def function_of(where: str, attribute: str) -> Callable[..., Any]:
    if where == "timm":
        timm = imported("timm")
        return lambda **arguments: timm.create_model(attribute, pretrained=False, **arguments)
    if where in LIBRARIES:
        return attribute_of(imported(LIBRARIES[where]), attribute, where)
    if where == "examples":
        return attribute_of(examples, attribute, where)
    path = Path(where)
    if not path.is_file():
        raise ProbeError(f"model {where}:{attribute}: there is no file {path}")
    return attribute_of(executed(path), attribute, where)


def imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ProbeError(f"{module} is not installed, so that its models cannot be probed") from error
    except Exception as error:
        raise ProbeError(
            f"{module} cannot be imported ({first_line(error)}): its release has to be one for this release of torch"
        ) from error


def executed(path: Path) -> Any:
    """The module that a file makes; its folder can be imported from meanwhile."""
    name = f"nnstatmech_model_{file_digest(path)[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProbeError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ProbeError(f"{path} cannot be executed: {type(error).__name__}: {first_line(error)}") from error
    finally:
        sys.path.remove(folder)
    return module


def attribute_of(module: Any, attribute: str, where: str) -> Callable[..., Any]:
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ProbeError(f"{where} has no function {attribute!r} that makes a model")
    return function


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
