"""Pictures as rows of a table, and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..storage.tables import tidy

if TYPE_CHECKING:  # drawing a picture needs no torch
    from torch import Tensor


def picture_rows(columns: Mapping[str, str], pictures: "Tensor", **positions) -> pa.Table:
    """Rows with one picture each.

    Parameters
    ----------
    columns
        The task's columns, with ``pixels`` (row by row, colour fastest), ``height``, ``width`` and ``channels``.
    pictures
        Shape (n, height, width, channels).
    positions
        The other columns.
    """
    shape = dict(zip(("height", "width", "channels"), pictures.shape[1:], strict=True))
    return tidy(columns, **positions, **shape, pixels=pictures.flatten(1).cpu().numpy())


def picture(row) -> np.ndarray:
    """The picture of a table's row, (height, width) or (height, width, colours), within [0, 1]."""
    # Columns with gaps, like the size of pictures in rows that hold none, come as decimal numbers.
    shape = int(row.height), int(row.width), int(row.channels)
    pixels = np.asarray(row.pixels, dtype=float).reshape(shape).clip(0, 1)
    return pixels[..., 0] if shape[2] == 1 else pixels
