"""Three modes of batch normalisation, and dropout off, whatever class or function of torch the model calls.

=========  =========================================================================================================
mode       mean and variance
=========  =========================================================================================================
held       of this batch, as constants: neither noise nor gradients flow through them (Labatie 2019)
batch      of this batch, as functions of it: the full Jacobian of training mode, what training sees
running    the running averages of evaluation mode
=========  =========================================================================================================

Where a layer keeps no running averages, ``running`` is ``batch``.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from .checks import ProbeError
from .convolution import CONVOLUTIONS, convolution

Mode = Literal["held", "batch", "running"]
MODES: tuple[Mode, ...] = get_args(Mode)
# Functions of torch that drop units, and the positions of their flag.
DROPOUTS = {
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout), None),
    **dict.fromkeys((torch.dropout, torch.dropout_, torch.feature_dropout, torch.feature_dropout_), 2),
    **dict.fromkeys((torch.alpha_dropout, torch.alpha_dropout_, torch.feature_alpha_dropout), 2),
}


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def is_initial(model: nn.Module) -> bool:
    """Whether no batch normalisation of ``model`` has seen a batch."""
    return all(
        module.running_mean is None or (not module.running_mean.any() and bool((module.running_var == 1).all()))
        for module in batch_norms(model)
    )


def default_mode(models: list[nn.Module]) -> Mode | None:
    """``held`` if a model has seen no batch yet, else ``running``; None without batch normalisation."""
    if not any(batch_norms(model) for model in models):
        return None
    return "held" if any(is_initial(model) for model in models) else "running"


def check_mode(mode: str | None) -> None:
    if mode is not None and mode not in MODES:
        raise ProbeError(f"batch_norm = {mode!r}: must be one of {', '.join(MODES)}, or None to choose")


def split_statistics(x: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Mean and population variance of each channel (axis 1) over the first of ``parts`` of the rows (axis 0)."""
    rows = x[: len(x) // parts].detach()
    axes = [axis for axis in range(x.dim()) if axis != 1]
    return rows.mean(axes), rows.var(axes, correction=0)


class Conditions(TorchFunctionMode):
    """While it is active, batch normalisation follows ``mode``, dropout is off, and convolutions are fast.

    Parameters
    ----------
    mode
        One of :data:`MODES`, or None where there is no batch normalisation.
    parts
        How many copies of the batch stand one after the other: statistics are those of the first (held) or of each
        (batch).
    replay
        Means and variances, call by call, that are used as constants in place of the batch's own.

    Attributes
    ----------
    used
        The constants that each call used.
    fewest_rows
        Smallest number of rows that a batch's statistics were taken from; None if none were.
    """

    def __init__(self, mode: Mode | None, parts: int = 1, replay: list[tuple[Tensor, Tensor]] | None = None):
        super().__init__()
        self.mode, self.parts, self.replay = mode, parts, replay
        self.used: list[tuple[Tensor, Tensor]] = []
        self.fewest_rows: int | None = None

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if function in DROPOUTS:
            return self.without_dropout(function, args, kwargs)
        if function in CONVOLUTIONS:
            return convolution(function, *args, **kwargs)
        if function is F.batch_norm:
            return self.normalise(*args, **kwargs)
        if function is torch.batch_norm:
            x, weight, bias, mean, variance, training, momentum, epsilon = args[:8]
            return self.normalise(x, mean, variance, weight, bias, training, momentum, epsilon)
        if function is F.scaled_dot_product_attention and kwargs.get("dropout_p"):
            kwargs = kwargs | {"dropout_p": 0.0}
        return function(*args, **kwargs)

    @staticmethod
    def without_dropout(function: Callable, args: tuple, kwargs: dict) -> Any:
        position = DROPOUTS[function]
        if position is None:
            x, p, *_ = (*args, *(kwargs[name] for name in ("input", "p") if name in kwargs), 0.5)
            return function(x, p, training=False)
        return function(*args[:position], False)

    def normalise(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        x = input
        if self.replay is not None:
            mean, variance = self.replay[len(self.used)]
            self.used.append((mean, variance))
            return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        mode = "batch" if self.mode == "running" and running_mean is None else self.mode
        if mode == "running" and running_mean is not None and running_var is not None:
            self.used.append((running_mean, running_var))
            return F.batch_norm(x, running_mean, running_var, weight, bias, False, 0.0, eps)
        rows = x.numel() // (x.shape[1] * self.parts)
        self.fewest_rows = rows if self.fewest_rows is None else min(rows, self.fewest_rows)
        if mode == "held":
            mean, variance = split_statistics(x, self.parts)
            self.used.append((mean, variance))
            return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        parts = [F.batch_norm(part, None, None, weight, bias, True, 0.0, eps) for part in x.chunk(self.parts)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)
