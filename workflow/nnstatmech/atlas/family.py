"""Which score of a network at initialisation says whether it will train."""

from ..parameters import Family
from .params import Cells

FAMILY = Family(
    work="Atlas of trainability",
    uses_gpu=True,
    tasks={"cells": Cells},
)
