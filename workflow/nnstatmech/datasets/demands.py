"""What tasks ask of a data set, compared with what a prepared one is: before anything runs on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import DataError


@dataclass(frozen=True)
class Demand:
    """What one experiment asks.

    Attributes
    ----------
    experiment
        Its name, for the message.
    labels
        Whether it needs labels.
    least, most
        Numbers of classes that it can use: labels are 0, …, classes - 1. ``most`` None is any number.
    """

    experiment: str
    labels: bool = False
    least: int = 1
    most: int | None = None

    def check(self, facts: Mapping) -> None:
        """Raise a DataError if the data set of these ``facts`` does not serve; see :meth:`unmet`."""
        if said := self.unmet(facts):
            raise DataError(said)

    def unmet(self, facts: Mapping) -> str | None:
        """What a data set lacks, in one sentence; None if it serves.

        Parameters
        ----------
        facts
            ``name`` and ``classes`` (None without labels), as :func:`nnstatmech.datasets.store.read_facts` gives them.
        """
        name, classes = facts["name"], facts["classes"]
        if not self.labels:
            return None
        if classes is None:
            return f"experiment {self.experiment!r} needs labels, but the images of {name!r} have none"
        if classes < self.least or (self.most is not None and classes > self.most):
            return (
                f"experiment {self.experiment!r} needs {self.allowed()} classes of images, but {name!r} has {classes}"
            )
        return None

    def allowed(self) -> str:
        """The numbers of classes that serve, in words."""
        if self.most is None:
            return f"at least {self.least}"
        if self.least <= 1:
            return f"at most {self.most}"
        return str(self.most) if self.least == self.most else f"{self.least} to {self.most}"
