"""What tasks ask of a data set, compared with what a prepared one is: before anything runs on it."""

from collections.abc import Mapping
from dataclasses import dataclass


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
            allowed = (
                f"{self.least}" if self.most == self.least
                else f"at least {self.least}" if self.most is None
                else f"at most {self.most}" if self.least <= 1
                else f"{self.least} to {self.most}"
            )  # fmt: skip
            return f"experiment {self.experiment!r} needs {allowed} classes of images, but {name!r} has {classes}"
        return None
