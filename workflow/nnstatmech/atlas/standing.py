"""Scores of a network beside those of the atlas's networks: what a number is worth, and where it stands."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import scores
from ..probe.checks import checked_model, untouched
from ..probe.inputs import prepared
from ..probe.network import explained
from . import reference
from .contest import oriented
from .curves import scores_in

if TYPE_CHECKING:
    import torch


def score_model(
    model: "torch.nn.Module",
    images: Any,
    labels: "torch.Tensor | np.ndarray | Sequence[int]",
    names: Iterable[str] | None = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    device: "torch.device | str | None" = None,
) -> pd.DataFrame:
    """Scores of a network as it is, and where it stands among the networks of the atlas.

    Parameters
    ----------
    model
        A classifier of images, usually at initialisation; it stays as it is.
    images, labels, names, layout, device
        See :func:`nnstatmech.scores.score_model`.

    Returns
    -------
    pandas.DataFrame
        ``score``, ``value`` (NaN where undefined), ``percentile``, ``area``, ``area_low``, ``area_high``,
        ``area_held_out``, ``seconds`` (of a CPU), ``definition`` with its source. The ``percentile`` is the share of
        the atlas's networks that the score, read as published, holds to be less promising, in percent. The areas under
        the curve say how well the score told apart what trained in the atlas, with a 95 % interval, and on its held-out
        networks; 0.5 is chance. They stand beside those of ``depth`` and ``gradient_ratio``, which are always there.
        ``attrs["atlas"]``: which networks.

    Raises
    ------
    ProbeError
        If the model cannot be scored, or there is no such score.
    """
    images = prepared(images)
    with untouched():
        subject = scores.subject_of(checked_model(model), images, labels, layout, device)
        with explained(subject.images.shape, subject.images.dtype):
            subject.outputs()
    found = scores.score_model(model, images, labels, names, layout=layout, device=device)
    values = found.set_index("score")["value"]
    own = percentiles(values, reference.networks())
    worth = reference.scores().set_index(["among", "score"])
    found["percentile"] = found["score"].map(own)
    for column, among, number in (
        ("area", "all", "value"),
        ("area_low", "all", "low"),
        ("area_high", "all", "high"),
        ("area_held_out", "held out", "value"),
    ):
        found[column] = found["score"].map(worth.loc[among][number])
    shown = ["score", "value", "percentile", "area", "area_low", "area_high", "area_held_out", "seconds", "definition"]
    found = found[shown]
    found.attrs["atlas"] = reference.provenance()
    return found


def percentiles(values: pd.Series, networks: pd.DataFrame) -> pd.Series:
    """Share of networks that a score holds to be less promising than this one, ties counting half, in percent.

    Parameters
    ----------
    values
        Scores of one network by name; NaN where undefined.
    networks
        Of :func:`nnstatmech.atlas.curves.networks_of`.
    """
    others = scores_in(networks)
    own = oriented(values.to_frame().T).iloc[0]
    found = {}
    for name in values.index:
        known = others[name].dropna() if name in others else pd.Series(dtype=float)
        below = (known < own[name]).mean() + (known == own[name]).mean() / 2
        found[name] = 100 * below if len(known) and np.isfinite(own[name]) else np.nan
    return pd.Series(found)


def sentence(atlas: Mapping[str, Any]) -> str:
    """Which networks scores are compared with."""
    return (
        f"Compared with {atlas['networks']} networks of the atlas ({', '.join(atlas['dataset'])}, scale"
        f" {atlas['scale']}), of which {atlas['training']} train within {max(atlas['steps'])} minibatches; no"
        " score sees the number of steps."
    )
