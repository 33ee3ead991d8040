"""Which claims catch which mutants, and which of them catch none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .judging import Judged
from .mutation import Mutant

SLIGHT = 0.2  # relative shift of a headline number below which a mistake is a slight one
LEAST_CAUGHT, MOST_IDLE, LEAST_SLIGHT = 0.95, 0.2, 1 / 3
MARKS = {"reproduced": ".", "refuted": "X", "inconclusive": "~", "not tested here": "-", "error": "E", "untouched": " "}


@dataclass(frozen=True)
class Matrix:
    """Verdicts of a family.

    Attributes
    ----------
    baseline
        Claim to its verdicts on the other sets of seeds.
    mutants
        Mutant to its claims' verdicts; claims that it cannot change are left out.
    """

    family: str
    baseline: Mapping[str, Sequence[Judged]]
    mutants: Mapping[str, Mapping[str, Judged]]

    @property
    def severe_claims(self) -> list[str]:
        """Those that the engine without a mistake reproduces on all other sets: only they may catch anything."""
        return [name for name, all_sets in self.baseline.items() if all(j.verdict == "reproduced" for j in all_sets)]

    def catchers(self, mutant: str) -> list[str]:
        """The claims that catch a mutant; ``(engine)`` if the engine itself refuses to run."""
        caught = [name for name in self.severe_claims if self.verdict(mutant, name) == "refuted"]
        failed = any(judged.verdict == "error" for judged in self.mutants[mutant].values())
        return caught + ["(engine)"] * failed

    def verdict(self, mutant: str, claim: str) -> str:
        judged = self.mutants[mutant].get(claim)
        return "untouched" if judged is None else judged.verdict

    def marks(self, mutant: str) -> str:
        """A mark a claim: a row of the grid."""
        return "".join(MARKS[self.verdict(mutant, claim)] for claim in self.baseline)

    def numbers(self) -> list[str]:
        """The claims' numbers above a grid: tens and units."""
        return ["".join(str(number // power % 10) for number in range(len(self.baseline))) for power in (10, 1)]

    @property
    def idle_claims(self) -> list[str]:
        """Judged claims that catch no mutant: not severe. Those that do not hold on all other sets are among them."""
        caught = {name for mutant in self.mutants for name in self.catchers(mutant)}
        return [name for name in self.baseline if name not in caught]

    @property
    def unsteady_claims(self) -> list[str]:
        """Those that the engine without a mistake does not reproduce on all other sets."""
        return sorted(set(self.baseline) - set(self.severe_claims))

    def slight(self, mutants: Mapping[str, Mutant]) -> list[str]:
        """Mutants that shift their headline number by little."""
        return [name for name in self.mutants if (shift := self.shift(mutants[name])) is not None and shift < SLIGHT]

    def shift(self, mutant: Mutant) -> float | None:
        """By how much the mutant's headline number is off, relative to its mean over the other sets of seeds."""
        values = [j.value for j in self.baseline.get(mutant.headline, ()) if j.value is not None]
        found = self.mutants[mutant.id].get(mutant.headline)
        if not values or found is None or found.value is None:
            return None
        mean = sum(values) / len(values)
        return abs(found.value / mean - 1) if mean else None
