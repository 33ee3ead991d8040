"""What can be reconstructed of the input, layer by layer."""

from ..parameters import Family
from .params import Channels, Classification, Entropies, Falling, Reconstruction, Scores, Trainability

FAMILY = Family(
    work="Reconstruction cascades (Thurn, Jefferson, Erdmenger 2024)",
    uses_gpu=True,
    tasks={
        "entropies": Entropies,
        "classification": Classification,
        "trainability": Trainability,
        "scores": Scores,
        "falling": Falling,
        "reconstruction": Reconstruction,
        "channels": Channels,
    },
)
