"""What the claims about the atlas measure."""

import numpy as np

from ..readings import Measurement, NotMeasured
from .curves import judged, networks_of, share_that_trains
from .tables import CellsTable


def area(table: CellsTable, score: str, among: str = "all", step: int | None = None) -> Measurement:
    """Area under the curve of a score, with its bootstrap error over cells."""
    value, drawn = judged(networks_of(table, step), score, among)
    return measured(value, drawn)


def gain(
    table: CellsTable, score: str, baseline: str = "depth", among: str = "all", step: int | None = None
) -> Measurement:
    """By how much the area under the curve of a score exceeds that of a baseline, on the same resampled cells."""
    networks = networks_of(table, step)
    one, first = judged(networks, score, among)
    other, second = judged(networks, baseline, among)
    return measured(one - other, first - second)


def measured(value: float, drawn: np.ndarray) -> Measurement:
    kept = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(kept) < len(drawn) / 2:
        raise NotMeasured("all networks that are compared train, or none does")
    return Measurement(float(value), float(kept.std(ddof=1)))


def trained_share(table: CellsTable, plane: str, step: int) -> Measurement:
    """Share of a plane's networks that train within ``step`` minibatches; its error is that of a binomial law."""
    found = share_that_trains(table)
    rows = found[(found["plane"] == plane) & (found["step"] == step)]
    if rows.empty:
        raise NotMeasured(f"plane {plane} was not measured after {step} minibatches")
    count = int(rows["count"].sum())
    share = float((rows["share"] * rows["count"]).sum() / count)
    return Measurement(share, float(np.sqrt(max(share * (1 - share), 1 / count) / count)), count - 1)
