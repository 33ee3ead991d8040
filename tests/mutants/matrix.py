"""The matrix of mutants times claims: ``python -m tests.mutants.matrix [FAMILY ...] [--mutant ID] [--page FILE]``."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .judging import Judged, claims_touched, judge_apart
from .mutation import FAMILIES, Mutant, mutants_of
from .page import section, write_section
from .severity import MARKS, Matrix

OTHER_SETS = (1, 2, 3)  # of seeds, on which the engine without a mistake must reproduce a claim
MUTANT_SET = 0


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
    lines += ["", *(" " * 34 + numbers for numbers in matrix.numbers())]
    for name in matrix.mutants:
        marks = matrix.marks(name)
        shift = matrix.shift(mutants[name])
        shown = "   ?  " if shift is None else f"{100 * shift:5.1f}%"
        caught = ", ".join(matrix.catchers(name)[:3]) or "NOT CAUGHT"
        lines.append(f"{name[:26]:26s} {shown} {marks} {caught}")
    lines += ["", *summary(matrix, mutants)]
    return "\n".join(lines)


def summary(matrix: Matrix, mutants: Mapping[str, Mutant]) -> list[str]:
    """What the matrix comes to, in lines."""
    uncaught = [name for name in matrix.mutants if not matrix.catchers(name)]
    idle = matrix.idle_claims
    return [
        f"not caught: {len(uncaught)} of {len(matrix.mutants)} {uncaught}; "
        f"slight (shift below 20 %): {len(matrix.slight(mutants))}",
        f"claims that catch nothing: {len(idle)} of {len(matrix.baseline)} {idle}",
        f"of these not reproduced on all sets: {matrix.unsteady_claims}",
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


def cpu_seconds() -> float:
    """Of this process and those of its children that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", nargs="*", default=list(FAMILIES))
    parser.add_argument("--mutant", action="append", help="this one only; may be given again")
    parser.add_argument("--headlines", action="store_true", help="judge each mutant by the claim that it names alone")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--save", type=Path, help="write the verdicts as JSON, too")
    parser.add_argument("--page", type=Path, help="write them as a section of this Markdown page, too")
    arguments = parser.parse_args()
    saved = []
    for family in arguments.family:
        mutants, start = mutants_of(family), cpu_seconds()
        chosen = [mutants[name] for name in arguments.mutant or mutants]
        matrix = compute(family, chosen, arguments.processes, headlines=arguments.headlines, reports=True)
        print(text_of(matrix, mutants), end="\n\n", flush=True)
        if arguments.page:
            write_section(arguments.page, family, section(matrix, mutants, (cpu_seconds() - start) / 60))
        saved.append(as_json(matrix, mutants))
        if arguments.save:
            arguments.save.write_text(json.dumps(saved, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
