"""The base class of every engine's parameters."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Frozen, strictly named parameters of one run.

    A family's ``params.py`` only declares and checks: each field carries its range, default and a
    description with the unit and the symbol of the paper. Whatever *computes* with a parameter
    belongs to the engine, because declarations are left out of the content hash that decides what
    re-runs (the resolved values are compared instead).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
