"""What a table of probes says, in sentences: where a network loses signal, gradient or information.

Thresholds are conventions, all in :data:`CONVENTIONS`. They describe; whether a network trains depends on the step
budget as well, which no lens sees.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..atlas.reference import Rates, rates
from ..readings import over_seeds
from .params import FEWEST_ROWS

RESOLUTION = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}  # of 1


@dataclass(frozen=True)
class Convention:
    """When something is reported.

    Attributes
    ----------
    name
        Kind of the findings.
    threshold
        The number that ``rule`` speaks of.
    rule
        What is compared with it.
    """

    name: str
    threshold: float
    rule: str

    @property
    def rates(self) -> Rates | None:
        """How often it is reported of the atlas's held-out networks; None where it speaks of the images."""
        return rates().get(self.name)


CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention("one_dimensional_signal", 1.5, "effective rank of the signal below it, fallen from above"),
        Convention("exploding_sensitivity", math.log(10), "ln χ above it"),
        Convention("vanishing_sensitivity", -math.log(10), "ln χ below it"),
        Convention(
            "exponential", 1.5, "ln χ changes by that factor more in the second half than in the quarter before"
        ),
        Convention("correlation_collapse", 1.0, "1 - c below that many units of the network's float resolution"),
        Convention(
            "forgotten_similarity", 3.0, "similarities of images correlate with the input's by less standard errors"
        ),
        Convention(
            "exploding_gradient", math.log(100), "ln of the gradient at the input over that before the head above it"
        ),
        Convention(
            "vanishing_gradient", -math.log(100), "ln of the gradient at the input over that before the head below it"
        ),
        Convention("gradient_risk", 8.0, "the same, absolute value: a risk that it will not train"),
        Convention("not_reconstructible", 0.1, "R² of the cascade below it, to the end"),
        Convention("too_few_images", 2.0, "rows of a decoder's regression for each of its features below it"),
        Convention("dead_units", 0.1, "share of a block's units that are constant"),
        Convention("constant_output", 1.0, "share of the head's units that are constant: all"),
        Convention("few_rows", FEWEST_ROWS, "rows behind a batch's statistics below it"),
    )
}


@dataclass(frozen=True)
class Finding:
    """Something that a table of probes shows.

    Attributes
    ----------
    kind
        A key of :data:`CONVENTIONS`.
    state
        Of the network, as in the table.
    block, name
        Where: number and name of the block.
    value, threshold
        What was compared with what.
    sentence
        The same in words.
    """

    kind: str
    state: Any
    block: int
    name: str
    value: float
    threshold: float
    sentence: str

    @property
    def convention(self) -> Convention:
        return CONVENTIONS[self.kind]

    def __str__(self) -> str:
        return self.sentence


class Curves:
    """Means over realisations of one state's quantities, block by block."""

    def __init__(self, table: pd.DataFrame, precision: str):
        blocks = table.drop_duplicates("block").set_index("block").sort_index()
        self.names = blocks["name"].astype(str)
        self.table, self.precision = table, precision
        self.mode = table["batch_norm"].iloc[0] if "batch_norm" in table else None
        self.mode = None if pd.isna(self.mode) else str(self.mode)
        work = blocks.index[blocks["multiply_adds"] > 0]
        work = work if len(work) else blocks.index[(blocks["parameters"] > 0) & (blocks.index > 0)]
        self.head = int(work[-1]) if len(work) else int(blocks.index[-1])
        self.depth = int(blocks.index[-1])

    def curve(self, quantity: str) -> pd.Series:
        """Mean of a quantity at every block where it has a value."""
        rows = self.table[self.table["quantity"] == quantity]
        if rows.empty:
            return pd.Series(dtype=float)
        return over_seeds(rows.pivot(index="seed", columns="block", values="value").astype(float))["mean"].dropna()

    def before_head(self, quantity: str) -> pd.Series:
        """The same up to the last block before the head."""
        curve = self.curve(quantity)
        return curve[curve.index < self.head] if self.head > 1 else curve

    def place(self, block: int) -> str:
        return f"block {block} of {self.depth} ({self.names[block]})"

    @property
    def condition(self) -> str:
        """How batch normalisation was taken, for the end of a sentence."""
        return f" [batch normalisation: {self.mode}]" if self.mode else ""


Report = tuple[str, int, float, str]


def one_dimensional_signal(curves: Curves) -> Iterator[Report]:
    rank = curves.before_head("reff_signal")
    threshold = CONVENTIONS["one_dimensional_signal"].threshold
    below = stays(rank < threshold)
    if below is not None and rank[: below - 1].max() >= threshold:
        value = rank[below]
        yield (
            "one_dimensional_signal",
            below,
            value,
            f"the signal becomes one-dimensional at {curves.place(below)}: effective rank {value:.2f}, from"
            f" {rank[: below - 1].max():.1f} before",
        )


def stays(condition: pd.Series) -> int | None:
    """The first block from which on a condition holds to the end; None if it does not hold there."""
    failing = condition.index[~condition]
    rest = condition.index[condition.index > failing[-1]] if len(failing) else condition.index
    return int(rest[0]) if len(rest) else None


def sensitivity(curves: Curves) -> Iterator[Report]:
    log_chi = curves.before_head("log_chi")
    if len(log_chi) < 5:
        return
    last = int(log_chi.index[-1])
    total = log_chi[last]
    for kind, sign in (("exploding_sensitivity", 1), ("vanishing_sensitivity", -1)):
        threshold = CONVENTIONS[kind].threshold
        if sign * total <= sign * threshold:
            continue
        half, quarter = (int(np.abs(log_chi.index - last * share).argmin()) for share in (0.5, 0.25))
        late = total - log_chi.iloc[half]
        earlier = log_chi.iloc[half] - log_chi.iloc[quarter]
        blocks = last - int(log_chi.index[half])
        first = int(log_chi.index[(sign * log_chi > sign * threshold).argmax()])
        if sign * late > CONVENTIONS["exponential"].threshold * sign * earlier:
            law = f"exponentially, as e^({late / blocks:+.3f} l)"
        else:
            law = f"as a power law, l^({late / math.log(last / log_chi.index[half]):+.2f})"
        verb = "grows" if sign > 0 else "falls"
        strong = {True: "explodes", False: "vanishes"}[sign > 0] if law.startswith("exp") else verb
        yield (
            kind,
            first,
            total,
            f"sensitivity to noise {strong}: χ {verb} {law}, to {math.exp(total):.3g} at {curves.place(last)}",
        )


def correlation(curves: Curves) -> Iterator[Report]:
    contrast = curves.before_head("contrast")
    resolution = CONVENTIONS["correlation_collapse"].threshold * RESOLUTION[curves.precision]
    alike = contrast.index[contrast < resolution]
    if len(alike):
        block = int(alike[0])
        yield (
            "correlation_collapse",
            block,
            contrast[block],
            f"different inputs become the same at {curves.place(block)}: 1 - c = {contrast[block]:.1e} is below what"
            f" {curves.precision} resolves",
        )
        return
    kept, error = curves.before_head("kept_similarity"), curves.before_head("kept_similarity_error")
    errors = CONVENTIONS["forgotten_similarity"].threshold
    # Images that resemble none of the others have no similarities to forget.
    known = kept.index.intersection(error.index)
    forgotten = stays(kept[known] < errors * error[known])
    if forgotten is not None and len(known) > 1 and forgotten > known[0]:
        yield (
            "forgotten_similarity",
            forgotten,
            kept[forgotten],
            f"which inputs resemble each other is forgotten at {curves.place(forgotten)}: all pairs are equally"
            f" correlated within {errors:g} standard errors",
        )


def gradient(curves: Curves) -> Iterator[Report]:
    log_gradient = curves.before_head("log_gradient")
    if len(log_gradient) < 2 or log_gradient.index[0] != 0:
        return
    last = int(log_gradient.index[-1])
    ratio = log_gradient[0] - log_gradient[last]
    for kind, sign, verb in (("exploding_gradient", 1, "explode"), ("vanishing_gradient", -1, "vanish")):
        if sign * ratio > sign * CONVENTIONS[kind].threshold:
            yield (
                kind,
                0,
                ratio,
                f"gradients {verb} on the way back: {math.exp(ratio):.2g} at the input for 1 at {curves.place(last)}",
            )
    if abs(ratio) > CONVENTIONS["gradient_risk"].threshold:
        sentence = f"there is a risk that it will not train: ln of the ratio of gradients is {ratio:+.1f}"
        yield "gradient_risk", 0, ratio, sentence + worth("gradient_risk")


def worth(kind: str) -> str:
    """How often a convention was right on the held-out networks of the atlas."""
    found = CONVENTIONS[kind].rates
    if found is None or found.hit_rate is None or found.false_alarm_rate is None:
        return ""
    return (
        f" (the atlas says so of {found.hit_rate:.0%} of the held-out networks that fail and of"
        f" {found.false_alarm_rate:.0%} of those that train)"
    )


def reconstruction(curves: Curves) -> Iterator[Report]:
    r2, rows = curves.before_head("r2"), curves.before_head("rows_per_feature")
    if r2.empty:
        return
    fewest = CONVENTIONS["too_few_images"].threshold
    thin = rows.index[rows < fewest]
    lost = stays(r2 < CONVENTIONS["not_reconstructible"].threshold)
    if len(thin) and (lost is None or thin[0] <= lost):
        block = int(thin[0])
        yield (
            "too_few_images",
            block,
            rows[block],
            f"reconstruction says nothing from {curves.place(block)} on: its decoder has {rows[block]:.2g} rows for"
            f" each feature; give more images",
        )
    elif lost is not None:
        yield (
            "not_reconstructible",
            lost,
            r2[lost],
            f"inputs can no longer be reconstructed linearly after {curves.place(lost)}: R² = {r2[lost]:.2f}",
        )


def dead(curves: Curves) -> Iterator[Report]:
    share = curves.curve("dead_units")
    if share.get(curves.head, 0.0) >= CONVENTIONS["constant_output"].threshold:
        yield (
            "constant_output",
            curves.head,
            share[curves.head],
            f"the output is constant over all inputs at {curves.place(curves.head)}, as with weights of zero: no"
            " gradient goes back from it",
        )
        share = share.drop(curves.head)
    many = share[share >= CONVENTIONS["dead_units"].threshold]
    if many.empty:
        return
    worst = int(many.idxmax())
    others = f", and {len(many) - 1} more blocks hold dead units" if len(many) > 1 else ""
    yield (
        "dead_units",
        int(many.index[0]),
        many.max(),
        f"{many.max():.0%} of the units of {curves.place(worst)} are dead, constant over all inputs{others}",
    )


READERS: tuple[Callable[[Curves], Iterator[Report]], ...] = (
    one_dimensional_signal,
    sensitivity,
    correlation,
    gradient,
    reconstruction,
    dead,
)


def diagnose(table: pd.DataFrame) -> list[Finding]:
    """What a table of probes shows, in the order of its states.

    Parameters
    ----------
    table
        Of :func:`nnstatmech.probe.probe.probe_model`.

    Returns
    -------
    list of Finding
        Empty if every lens looks healthy. Each has a ``sentence`` that names the block.
    """
    precision = table.attrs.get("precision", "float32")
    findings = []
    for state, rows in table.groupby("state", sort=False, observed=True):
        curves = Curves(rows, precision)
        for reader in READERS:
            for kind, block, value, sentence in reader(curves):
                text = sentence[0].upper() + sentence[1:] + curves.condition + "."
                threshold = CONVENTIONS[kind].threshold
                findings.append(Finding(kind, state, block, curves.names[block], float(value), threshold, text))
    fewest = table.attrs.get("fewest_rows")
    if fewest is not None and fewest < FEWEST_ROWS:
        text = f"Batch normalisation takes its statistics from {fewest} rows, which follow the noise of the batch."
        state = table["state"].iloc[0]
        findings.append(Finding("few_rows", state, 0, "input", float(fewest), float(FEWEST_ROWS), text))
    return findings
