"""A copy of a model that is run again and again from its source: the input, or what the first embedding made of it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .batch_norm import Conditions
from .calls import Call, Listener, watched
from .checks import ProbeError, first_line
from .graph import Edge, edge_of
from .trees import converted, first_floating, first_tensor, mapped, replaced


class Found(Exception):
    """Ends a forward pass early: the first embedding has been reached."""


class Inputs:
    """What a model is called with: tensors for some images, and constants.

    Parameters
    ----------
    values
        A tensor, a tuple (positional arguments) or a mapping (keyword arguments).
    constants
        Further keyword arguments, the same for all images.
    """

    def __init__(self, values: Any, constants: Mapping[str, Any]):
        self.values, self.constants = values, constants
        tensor = first_tensor(values)
        if tensor is None or tensor.numel() == 0:
            raise ProbeError("there is no image among the inputs: give a tensor, a tuple or a dict that holds one")
        self.first: Tensor = tensor

    def images(self, axis: int) -> int:
        return self.first.shape[axis]

    def select(self, index: Tensor | slice, axis: int) -> "Inputs":
        """Some images, along ``axis`` of all tensors that have as many entries there as the first."""
        count = self.images(axis)
        where = torch.arange(count)[index]

        def chosen(tensor: Tensor) -> Tensor:
            per_image = tensor.dim() > axis and tensor.shape[axis] == count
            return tensor.index_select(axis, where.to(tensor.device)) if per_image else tensor

        return Inputs(mapped(self.values, chosen), self.constants)

    def on(self, device: torch.device, dtype: torch.dtype) -> "Inputs":
        return Inputs(converted(self.values, device, dtype), converted(dict(self.constants), device, dtype))

    def with_first(self, tensor: Tensor) -> "Inputs":
        return Inputs(replaced(self.values, self.first, tensor), self.constants)


class Network:
    """A model in evaluation mode and what it takes.

    Parameters
    ----------
    model
        A copy that may be used up: see :func:`nnstatmech.probe.checks.copied`.

    Attributes
    ----------
    embedding
        Number of the call of the embedding whose result is the source; None where the source is the input.
    start
        The source of the current or last pass as a result in its graph, before the model changes it in place.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self.embedding: int | None = None
        self.start: Edge | None = None

    def source(self, inputs: Inputs) -> Tensor:
        """The first floating tensor on the way: the input, or the output of the first embedding of the input's ids.

        Raises
        ------
        ProbeError
            If the input is of integers and no embedding takes them.
        """
        if inputs.first.is_floating_point():
            return inputs.first
        found: list[Tensor] = []

        def listener(call: Call, output: Any) -> None:
            if isinstance(call.module, nn.Embedding | nn.EmbeddingBag) and call.before:
                found.append(output)
                self.embedding = call.number
                raise Found

        def takes_ids(arguments: tuple) -> bool:
            ids = first_tensor(arguments)
            return ids is not None and ids.numel() == inputs.first.numel() and bool(torch.equal(ids, inputs.first))

        failure = None
        try:
            with torch.no_grad(), watched(self.model, listener, takes_ids):
                self.call(inputs)
        except Found:
            pass
        except Exception as error:
            failure = error
        if not found:
            raise ProbeError(
                f"the input is of integers ({inputs.first.dtype}) and no embedding takes them: give the floating-point"
                " input of the first layer"
            ) from failure
        return found[0].detach()

    def call(self, inputs: Inputs) -> Any:
        values, constants = inputs.values, inputs.constants
        if isinstance(values, Mapping):
            return self.model(**values, **constants)
        if isinstance(values, list | tuple):
            return self.model(*values, **constants)
        return self.model(values, **constants)

    def run(
        self,
        inputs: Inputs,
        source: Tensor,
        conditions: Conditions,
        listener: Listener,
        before: Callable[[tuple], Any] | None = None,
        around: contextlib.AbstractContextManager | None = None,
    ) -> Any:
        """One forward pass from ``source``; ``listener`` hears every call of a module, that of the model last.

        Parametrised tensors are computed before, outside the context ``around``.

        Raises
        ------
        ProbeError
            With the model's own message, if it fails.
        """
        # A network that draws numbers on its way draws the same ones in every pass.
        torch.manual_seed(0)
        # The clone lets a first layer work in place, and leaves the source as it is.
        start = source.clone()
        self.start = edge_of(start)

        def from_source(call: Call, output: Any) -> Any:
            if call.number != self.embedding:
                return listener(call, output)
            answer = listener(call, start)
            return start if answer is None else answer

        if self.embedding is None:
            inputs = inputs.with_first(start)
        with parametrize.cached():
            warm_parametrisations(self.model)
            with conditions, around or contextlib.nullcontext(), watched(self.model, from_source, before):
                return self.call(inputs)


def warm_parametrisations(model: nn.Module) -> None:
    """Compute parametrised tensors once, so that a pass does not, whatever counts its calls and products."""
    for module in model.modules():
        if parametrize.is_parametrized(module):
            for name, _ in module.get_submodule("parametrizations").named_children():
                getattr(module, name)


@contextlib.contextmanager
def explained(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[None]:
    """Turn an error of the model itself into a sentence that shows its message."""
    try:
        yield
    except ProbeError:
        raise
    except Exception as error:
        message = first_line(error)
        if any(word in message.lower() for word in ("dtype", "scalar type", "double")):
            raise ProbeError(f"the model does not compute in {dtype} ({message}): give dtype=torch.float32") from error
        raise ProbeError(f"the model refuses an input of shape {tuple(shape)}: {message}") from error


def checked_output(output: Any) -> Tensor:
    """The first floating tensor of the model's output.

    Raises
    ------
    ProbeError
        If there is none.
    """
    tensor = first_floating(output)
    if tensor is None:
        raise ProbeError("the model's output holds no floating-point tensor: nothing can be propagated to it")
    return tensor
