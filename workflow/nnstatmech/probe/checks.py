"""What cannot be probed, said in one sentence; and what is put back after every run."""

import contextlib
import copy
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from ..errors import NamedProblem


class ProbeError(NamedProblem, ValueError):
    """A model or an input that cannot be probed; the message says why and what helps."""


def unwrapped(model: nn.Module) -> nn.Module:
    """The model below ``torch.compile`` and data parallelism."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrapped(model.module)
    inner = getattr(model, "_orig_mod", None)
    return unwrapped(inner) if isinstance(inner, nn.Module) else model


def checked_model(model: Any) -> nn.Module:
    """The model, unless hooks cannot see into it.

    Raises
    ------
    ProbeError
        If the model is no module, is scripted or traced, or lazy.
    """
    if not isinstance(model, nn.Module):
        raise ProbeError(f"the model is a {type(model).__name__}, but has to be a torch.nn.Module")
    for name, module in model.named_modules():
        where = f"module {name!r}" if name else "the model"
        if isinstance(module, torch.jit.ScriptModule):
            raise ProbeError(
                f"{where} is scripted or traced by torch.jit and cannot be looked into: probe the model that it was"
                " made from"
            )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise ProbeError(
                f"{name} is lazy and has no shape yet: call the model once on an input before it is probed"
            )
    return unwrapped(model)


def copied(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """A copy of ``model`` in evaluation mode, in ``dtype`` on ``device``.

    Raises
    ------
    ProbeError
        If it cannot be copied.
    """
    try:
        twin = copy.deepcopy(model)
    except Exception as error:
        raise ProbeError(
            f"the model cannot be copied ({first_line(error)}); weight norm of the old kind"
            " (torch.nn.utils.weight_norm) and pruning are such cases: use torch.nn.utils.parametrizations.weight_norm,"
            " or remove_weight_norm and prune.remove before probing"
        ) from error
    kinds = {True: dtype.to_complex(), False: dtype}

    def converted(tensor: Tensor) -> Tensor:
        floats = tensor.is_floating_point() or tensor.is_complex()
        return tensor.to(device, kinds[tensor.is_complex()] if floats else None)

    # Not Module.to, which would leave complex numbers without their imaginary parts.
    twin = twin._apply(converted).eval()
    for parameter in twin.parameters():
        parameter.grad = None
        parameter.requires_grad_(False)
    return twin


def first_line(error: BaseException) -> str:
    """The first line of an error's own message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def require_finite(value: Tensor, where: str) -> None:
    """Refuse a tensor that is not finite, naming where it appeared.

    Raises
    ------
    ProbeError
        With the number of elements that are not finite.
    """
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        what = "NaN" if bool(torch.isnan(value).any()) else "an infinite number"
        raise ProbeError(f"{where} gives {what} in {bad} of {value.numel()} elements")


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Generators, default type and switches of torch as before, whatever runs inside.

    Inside, attention is computed by operators that can be differentiated forwards (the math kernel, no fast path).
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    dtype = torch.get_default_dtype()
    fast = torch.backends.mha.get_fastpath_enabled()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.random.fork_rng(devices=devices), sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
            # Forward differentiation compiles some of torch's own formulas at its first use.
            warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.set_default_dtype(dtype)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
