"""Signal and noise along random networks."""

from ..parameters import Family
from .params import Propagation

FAMILY = Family(
    work="Moments of signal and noise (Labatie 2019)",
    uses_gpu=True,
    tasks={"propagation": Propagation},
)
