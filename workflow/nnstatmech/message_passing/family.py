"""Networks with binary weights that learn by passing messages."""

from ..parameters import Family
from .params import (
    Calibration,
    Channels,
    Committee,
    Continual,
    LocalEnergy,
    Perceptron,
    Repetition,
    Specialisation,
    Timing,
    Training,
)

FAMILY = Family(
    work="Learning by message passing (Lucibello, Pittorino, Perugini, Zecchina 2022)",
    uses_gpu=True,
    tasks={
        "training": Training,
        "perceptron": Perceptron,
        "committee": Committee,
        "timing": Timing,
        "channels": Channels,
        "specialisation": Specialisation,
        "continual": Continual,
        "calibration": Calibration,
        "local_energy": LocalEnergy,
        "repetition": Repetition,
    },
)
