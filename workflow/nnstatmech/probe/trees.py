"""Tensors inside tuples, lists and mappings: what models take and give."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists, mappings and dataclasses, depth first."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors(getattr(value, field.name))


def first_tensor(value: Any) -> Tensor | None:
    return next(tensors(value), None)


def first_floating(value: Any) -> Tensor | None:
    """The first floating-point tensor that is no single number, such as a loss; else the first number, or None."""
    found = [tensor for tensor in tensors(value) if tensor.is_floating_point()]
    return next((tensor for tensor in found if tensor.dim()), found[0] if found else None)


def floating(value: Any) -> Tensor:
    """The first floating-point tensor.

    Raises
    ------
    TypeError
        If there is none.
    """
    found = first_floating(value)
    if found is None:
        raise TypeError("a call gave no floating-point tensor this time: the model branches")
    return found


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """A copy of the structure of ``value`` with ``function`` of every tensor."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Mapping):
        result = copy.copy(value) if isinstance(value, MutableMapping) else dict(value)
        for key, item in value.items():
            result[key] = mapped(item, function)
        return result
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, function) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(mapped(item, function) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        result = copy.copy(value)
        for field in dataclasses.fields(value):
            # Not setattr, which frozen classes refuse.
            object.__setattr__(result, field.name, mapped(getattr(value, field.name), function))
        return result
    return value


def replaced(value: Any, old: Tensor, new: Tensor) -> Any:
    """A copy of the structure of ``value`` in which the tensor object ``old`` is ``new``."""
    return mapped(value, lambda tensor: new if tensor is old else tensor)


def converted(value: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Floating tensors in ``dtype``, all tensors on ``device``; clones, so that nothing is shared."""

    def convert(tensor: Tensor) -> Tensor:
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.detach().to(device, kind, copy=True)

    return mapped(value, convert)
