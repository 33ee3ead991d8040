"""The base class of every task's parameters, and what a family declares of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Cost:
    """What one job is expected to take.

    Attributes
    ----------
    cpu_seconds
        Of one thread, on a core that multiplies single-precision matrices at 100 GFLOP/s.
    memory_mb
        Peak memory.
    """

    cpu_seconds: float
    memory_mb: float


class Parameters(BaseModel):
    """Frozen, strictly named parameters of one run, and what can be said of it without computing.

    A family's ``params.py`` only declares and checks: each field carries its range, default and a
    description with the unit and the symbol of the paper. Whatever *computes* with a parameter
    belongs to the engine, because declarations are left out of the content hash that decides what
    re-runs (the resolved values are compared instead).

    Attributes
    ----------
    needs
        What the task reads: ``None`` (no data set), ``"images"``, or ``"labels"`` (labelled images).
    columns
        Columns of the task's table and their types: ``int32``, ``int64``, ``float64``, ``category``,
        ``list<float64>``, ...
    files
        Names of the parameters that are paths of files: what is in them is part of what a run is.
    later
        Names of the parameters that came when there were results already: see ``identity``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    needs: ClassVar[Literal["images", "labels"] | None] = None
    columns: ClassVar[Mapping[str, str]] = {}
    files: ClassVar[tuple[str, ...]] = ()
    later: ClassVar[tuple[str, ...]] = ()

    def identity(self) -> dict[str, Any]:
        """The parameters as plain values, without those of ``later`` that have their default: what a run is.

        A parameter that is added leaves the runs that there are as they are.
        """
        defaults = type(self).model_fields
        kept = {name: value for name, value in self if name not in self.later or value != defaults[name].default}
        return self.model_dump(mode="json", include=set(kept))

    def class_range(self) -> tuple[int, int | None]:
        """Smallest and largest number of classes of images that the run can use, where it needs labels.

        Labels are 0, …, classes - 1. None is any number. Compared with the data set before the run computes.
        """
        return 1, None

    def with_images(self, count: int | None) -> Self:
        """These parameters where a data set has ``count`` training images, if that is known, to count costs for.

        A task that takes as many images as there are, up to a number, says so here.
        """
        return self

    def cost(self, seeds: int) -> Cost:
        """What a shard of ``seeds`` realisations takes; ten minutes and a gigabyte where a task does not say."""
        return Cost(cpu_seconds=600.0, memory_mb=1000.0)


@dataclass(frozen=True)
class Family:
    """What a family's ``family.py`` declares.

    Attributes
    ----------
    work
        The work whose figures the family reproduces, as a heading.
    uses_gpu
        Whether its jobs ask for a GPU where there is one; otherwise they compute on the CPU.
    tasks
        Task name to the class of its parameters; the module ``tasks/<name>.py`` runs it.
    """

    work: str
    uses_gpu: bool
    tasks: Mapping[str, type[Parameters]]
