"""What is wrong with settings: one line a mistake, with the place that it came from."""

from collections.abc import Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]
Origins = Mapping[Path, str]
"""Path of an entry to where it was written: ``config.yaml, line 12``."""


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes
    ----------
    path
        The entry that is wrong, from the top level of the settings.
    text
        What is wrong and what is allowed.
    """

    path: Path
    text: str

    def origin(self, origins: Origins) -> str:
        """Where the entry, or the nearest one above it, was written; empty if nobody wrote it."""
        for length in range(len(self.path), 0, -1):
            if self.path[:length] in origins:
                return origins[self.path[:length]]
        return ""

    def located(self, origins: Origins) -> str:
        """The mistake behind the place that it came from, if anybody wrote it."""
        origin = self.origin(origins)
        return f"{origin}: {self.text}" if origin else self.text


def dotted(path: Path) -> str:
    return ".".join(map(str, path))


class ConfigError(ValueError):
    """Settings that cannot be used."""

    def __init__(self, *mistakes: Mistake | str):
        self.mistakes = [entry if isinstance(entry, Mistake) else Mistake((), entry) for entry in mistakes]
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The mistakes without their places."""
        return [mistake.text for mistake in self.mistakes]

    def located(self, origins: Origins) -> list[str]:
        """Each mistake once, behind the place that it came from."""
        return list(dict.fromkeys(mistake.located(origins) for mistake in self.mistakes))
