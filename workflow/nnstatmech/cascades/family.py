"""What can be reconstructed of the input, layer by layer."""

from ..parameters import Family
from .params import TASKS

FAMILY = Family(
    work="Reconstruction cascades (Thurn, Jefferson, Erdmenger 2024)",
    uses_gpu=True,
    tasks=TASKS,
)
