"""Any network, block by block: signal, noise, gradients and information."""

from ..parameters import Family
from .params import Initialisation, Training

FAMILY = Family(
    work="Probing any network",
    uses_gpu=True,
    tasks={"initialisation": Initialisation, "training": Training},
)
