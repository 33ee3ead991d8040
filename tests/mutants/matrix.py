"""The matrix of mutants times claims: ``python -m tests.mutants.matrix [FAMILY ...] [--mutant ID] [--save FILE]``."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .judging import Judged, claims_touched, judge_apart
from .mutation import FAMILIES, Mutant, mutants_of

OTHER_SETS = (1, 2, 3)  # of seeds, on which the engine without a mistake must reproduce a claim
MUTANT_SET = 0
SLIGHT = 0.2  # relative shift of a headline number below which a mistake is a slight one
LEAST_CAUGHT, MOST_IDLE, LEAST_SLIGHT = 0.95, 0.2, 1 / 3


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

    @property
    def idle_claims(self) -> list[str]:
        """Reproducible claims that catch no mutant: not severe."""
        caught = {name for mutant in self.mutants for name in self.catchers(mutant)}
        return [name for name in self.severe_claims if name not in caught]

    def shift(self, mutant: Mutant) -> float | None:
        """By how much the mutant's headline number is off, relative to its mean over the other sets of seeds."""
        values = [j.value for j in self.baseline.get(mutant.headline, ()) if j.value is not None]
        found = self.mutants[mutant.id].get(mutant.headline)
        if not values or found is None or found.value is None:
            return None
        mean = sum(values) / len(values)
        return abs(found.value / mean - 1) if mean else None


def compute(
    family: str,
    mutants: Sequence[Mutant],
    processes: int,
    sets: Sequence[int] = OTHER_SETS,
    headlines: bool = False,
    reports: bool = False,
) -> Matrix:
    """All verdicts of a family; with ``headlines``, of each mutant by the claim that it names alone.

    ``reports`` prints each verdict as it comes.
    """
    tasks: list[tuple] = [(family, seed_set, None, None) for seed_set in sets]
    for mutant in mutants:
        judges = [mutant.headline] if headlines else claims_touched(family, mutant.module)
        tasks.append((family, MUTANT_SET, mutant, judges))
    results = []
    for task, judged in zip(tasks, judge_apart(tasks, processes), strict=True):
        results.append(judged)
        if reports:
            name = f"set {task[1]} of seeds" if task[2] is None else task[2].id
            marks = "".join(MARKS[one.verdict] for one in judged)
            print(f"{family} {len(results)}/{len(tasks)} {name}: {marks}", file=sys.stderr, flush=True)
    baseline: dict[str, list[Judged]] = {}
    for judged in results[: len(sets)]:
        for one in judged:
            baseline.setdefault(one.claim, []).append(one)
    found = {
        mutant.id: {one.claim: one for one in judged}
        for mutant, judged in zip(mutants, results[len(sets) :], strict=True)
    }
    return Matrix(family, baseline, found)


MARKS = {"reproduced": ".", "refuted": "X", "inconclusive": "~", "not tested here": "-", "error": "E", "untouched": " "}


def text_of(matrix: Matrix, mutants: Mapping[str, Mutant]) -> str:
    """The matrix as text: a row a mutant, a column a claim."""
    claims = list(matrix.baseline)
    lines = [f"== {matrix.family}: {len(matrix.mutants)} mutants, {len(claims)} claims", ""]
    for number, name in enumerate(claims):
        marks = "".join(MARKS[judged.verdict] for judged in matrix.baseline[name])
        values = " ".join(
            "-" if j.value is None else f"{j.value:.5g}±{j.standard_error or 0:.2g}" for j in matrix.baseline[name]
        )
        lines.append(f"{number:3d} {marks:4s} {name:50s} {values}")
    lines += ["", " " * 34 + "".join(str(number // 10) for number in range(len(claims)))]
    lines.append(" " * 34 + "".join(str(number % 10) for number in range(len(claims))))
    for name in matrix.mutants:
        marks = "".join(MARKS[matrix.verdict(name, claim)] for claim in claims)
        shift = matrix.shift(mutants[name])
        shown = "   ?  " if shift is None else f"{100 * shift:5.1f}%"
        caught = ", ".join(matrix.catchers(name)[:3]) or "NOT CAUGHT"
        lines.append(f"{name[:26]:26s} {shown} {marks} {caught}")
    lines += ["", *summary(matrix, mutants)]
    return "\n".join(lines)


def summary(matrix: Matrix, mutants: Mapping[str, Mutant]) -> list[str]:
    """What the matrix comes to, in lines."""
    caught = [name for name in matrix.mutants if matrix.catchers(name)]
    slight = [name for name in matrix.mutants if (shift := matrix.shift(mutants[name])) is not None and shift < SLIGHT]
    idle = matrix.idle_claims
    unsteady = sorted(set(matrix.baseline) - set(matrix.severe_claims))
    return [
        f"caught: {len(caught)} of {len(matrix.mutants)}; slight (shift below 20 %): {len(slight)}",
        f"claims that the engine reproduces on all sets: {len(matrix.severe_claims)} of {len(matrix.baseline)}; "
        f"of these not severe: {len(idle)} {idle}",
        f"not reproduced on all sets: {unsteady}",
    ]


def as_json(matrix: Matrix, mutants: Mapping[str, Mutant]) -> dict:
    """The matrix in plain values, to be saved."""
    return {
        "family": matrix.family,
        "baseline": {name: [vars(judged) for judged in found] for name, found in matrix.baseline.items()},
        "mutants": {
            name: {
                "mistake": mutants[name].mistake,
                "shift": matrix.shift(mutants[name]),
                "catchers": matrix.catchers(name),
                "claims": {claim: vars(judged) for claim, judged in found.items()},
            }
            for name, found in matrix.mutants.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", nargs="*", default=list(FAMILIES))
    parser.add_argument("--mutant", action="append", help="this one only; may be given again")
    parser.add_argument("--headlines", action="store_true", help="judge each mutant by the claim that it names alone")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", type=Path, help="write the verdicts as JSON, too")
    arguments = parser.parse_args()
    saved = []
    for family in arguments.family:
        mutants = mutants_of(family)
        chosen = [mutants[name] for name in arguments.mutant or mutants]
        matrix = compute(family, chosen, arguments.processes, headlines=arguments.headlines, reports=True)
        print(text_of(matrix, mutants), end="\n\n", flush=True)
        saved.append(as_json(matrix, mutants))
        if arguments.save:
            arguments.save.write_text(json.dumps(saved, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
