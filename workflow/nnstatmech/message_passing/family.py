"""Networks with binary weights that learn by passing messages."""

from ..parameters import Family
from .params import Channels, Committee, Perceptron, Specialisation, Timing, Training

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
    },
)
