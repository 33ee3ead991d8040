"""What inputs and labels must be for learning to mean anything: refused by name before anything is computed.

Without these checks a label 0 where ±1 is meant, or a single pixel that is not finite, turns every weight into NaN.
"""

import torch
from torch import Tensor


def check_inputs(inputs: Tensor) -> None:
    """Refuse inputs that are not finite numbers.

    Raises
    ------
    ValueError
        Saying how many are not, and where the first is.
    """
    finite = torch.isfinite(inputs)
    if not finite.all():
        wrong = (~finite).nonzero()
        first = ", ".join(map(str, wrong[0].tolist()))
        raise ValueError(f"inputs: {len(wrong)} of {inputs.numel()} are not finite, the first at [{first}]")


def check_labels(labels: Tensor, classes: int) -> None:
    """Refuse labels that a network with ``classes`` output units cannot have.

    Parameters
    ----------
    labels
        ±1 for a single output unit; whole numbers from 0 to ``classes`` - 1 for more.
    classes
        Output units.

    Raises
    ------
    ValueError
        Saying which values there are and which are allowed.
    """
    if classes == 1:
        right = bool((labels.abs() == 1).all())
        allowed = "-1 and 1"
    else:
        right = not labels.is_floating_point() and bool(((labels >= 0) & (labels < classes)).all())
        allowed = f"whole numbers from 0 to {classes - 1}"
    if not right:
        found = torch.unique(labels)
        shown = ", ".join(f"{value:g}" for value in found[:6].tolist()) + ", …" * (len(found) > 6)
        raise ValueError(f"labels: {shown} ({str(labels.dtype).removeprefix('torch.')}); allowed: {allowed}")


def check_batch(inputs: Tensor, labels: Tensor, classes: int) -> None:
    """Refuse a mini-batch, inputs (R, M, N) and labels (R, M), that :func:`check_inputs` or :func:`check_labels` would.

    While a graph of the step is captured on a GPU nothing can be looked at.

    Raises
    ------
    ValueError
        Naming what is wrong, shapes that do not fit included.
    """
    if labels.shape != inputs.shape[:-1]:
        raise ValueError(f"labels: shape {tuple(labels.shape)} for inputs of shape {tuple(inputs.shape)}")
    if inputs.is_cuda and torch.cuda.is_current_stream_capturing():
        return
    check_labels(labels, classes)
    check_inputs(inputs)
