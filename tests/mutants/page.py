"""The matrix as a section of a page: one family's mutants, what they break, and which claims catch them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from nnstatmech.scorecard import markdown_table

from .judging import Judged, twins_of
from .mutation import Mutant
from .severity import MARKS, Matrix

NAMED = 3  # catchers that the table of mutants names; the grid has them all
TITLES = {
    "moments": "Signal and noise in random networks",
    "message_passing": "Learning by message passing",
    "linear_bnn": "Finite linear Bayesian networks",
    "cascades": "Cascades of decoders",
}
OPENING = """# Mutants

What the claims notice: engines with one mistake each, judged on small twins of the experiments
([how and why](../reproduction.md#claims-that-can-fail)). A mutant is *caught* by a claim that refutes it and that the
engine without the mistake reproduces on three other sets of seeds, at the same sizes. The shift is that of the number
that the mutant's headline claim is about, relative to its mean over those three sets; the mutant itself runs on a
fourth. Claims *as stated* expect what `claims.yaml` says; the others expect what the engine without a mistake gives at
the twin's size, on sets of seeds that are used for nothing else. Every section is written by

```bash
python -m tests.mutants.matrix --page docs/evidence/mutants.md
```
"""


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def summary_lines(matrix: Matrix, mutants: Mapping[str, Mutant], cpu_minutes: float) -> list[str]:
    """The shares that the project asks for, as a list."""
    caught = sum(bool(matrix.catchers(name)) for name in matrix.mutants)
    claims, idle, unsteady = len(matrix.baseline), matrix.idle_claims, matrix.unsteady_claims
    lines = [
        f"* caught: {caught} of {len(matrix.mutants)} mutants ({percent(caught / len(matrix.mutants))});",
        f"* slight, a shift of the headline number below 20 %: {len(matrix.slight(mutants))};",
        f"* claims that catch nothing: {len(idle)} of {claims} ({percent(len(idle) / claims)})"
        + (f": {codes(idle)};" if idle else ";"),
        f"* claims that are not reproduced on all three sets, and may catch nothing: {len(unsteady)}"
        + (f": {codes(unsteady)};" if unsteady else ";"),
        f"* {cpu_minutes:.0f} CPU minutes.",
    ]
    return [*lines, ""]


def codes(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [markdown_table(pd.DataFrame(rows, columns=head)), ""]


def mutant_rows(matrix: Matrix, mutants: Mapping[str, Mutant]) -> list[list[str]]:
    rows = []
    for name in matrix.mutants:
        shift, catchers = matrix.shift(mutants[name]), matrix.catchers(name)
        shown = codes(catchers[:NAMED]) + (f" and {len(catchers) - NAMED} more" if len(catchers) > NAMED else "")
        rows.append(
            [
                f"`{name}`",
                mutants[name].mistake,
                f"`{mutants[name].headline}`",
                "" if shift is None else f"{100 * shift:.3g} %",
                shown or "**not caught**",
            ]
        )
    return rows


def measured(judged: Judged) -> str:
    return "none" if judged.value is None else f"{judged.value:.4g} ± {judged.standard_error or 0:.1g}"


def claim_rows(matrix: Matrix) -> list[list[str]]:
    stated = set(twins_of(matrix.family).get("as_stated") or [])
    rows = []
    for number, (name, judged) in enumerate(matrix.baseline.items()):
        caught = sum(name in matrix.catchers(mutant) for mutant in matrix.mutants)
        verdicts = "".join(MARKS[one.verdict] for one in judged)
        expects = "as stated" if name in stated else "the engine's number"
        rows.append([str(number), f"`{name}`", expects, verdicts, measured(judged[0]), str(caught)])
    return rows


def grid(matrix: Matrix) -> list[str]:
    """A row a mutant, a column a claim."""
    lines = [" " * 32 + numbers for numbers in matrix.numbers()]
    lines += [f"{name[:31]:32s}" + matrix.marks(name).rstrip() for name in matrix.mutants]
    return ["```text", *lines, "```", ""]


def section(matrix: Matrix, mutants: Mapping[str, Mutant], cpu_minutes: float) -> str:
    """A family's section, in Markdown."""
    lines = [f"## {TITLES[matrix.family]}", "", *summary_lines(matrix, mutants, cpu_minutes)]
    lines += table(["mutant", "mistake", "headline", "shift", "caught by"], mutant_rows(matrix, mutants))
    lines += ["Claims, their verdicts on the three sets, the number on the first, and how many mutants they catch:", ""]
    lines += table(["", "claim", "expects", "holds", "first set", "catches"], claim_rows(matrix))
    lines += ["Verdicts (`X` refuted, `.` reproduced, `~` inconclusive, `E` the engine fails; blank: not judged):", ""]
    return "\n".join([*lines, *grid(matrix)])


def write_section(path: Path, family: str, text: str) -> None:
    """Put a family's section into the page, in the place of an older one; sections keep the order of the families.

    What stands before the sections stays, so that the page can say more.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else OPENING
    opening, *parts = re.split(r"(?m)^(?=## )", page)
    found = {part.splitlines()[0][3:]: part for part in parts}
    found[TITLES[family]] = text
    sections = [found[title].rstrip() + "\n" for title in TITLES.values() if title in found]
    path.write_text("\n".join([opening.rstrip() + "\n", *sections]), encoding="utf-8")
