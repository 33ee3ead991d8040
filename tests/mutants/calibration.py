"""What the engine without a mistake gives at the twins' sizes: ``python -m tests.mutants.calibration [FAMILY ...]``.

Most claims are about other sizes than those of their twins. Such a claim's twin expects what the engine gives at its
own size, the mean over sets of seeds that the matrix does not use, with its error; the rival keeps its relative
distance, or is as far away as the twin can resolve. Written to ``twins/<family>_expected.yaml``. To be repeated when an
engine's numbers are meant to change.
"""

import argparse
import math
from collections.abc import Sequence

import yaml

from .judging import Judged, claims_of, judge, read
from .mutation import FAMILIES, HERE

SETS = tuple(range(11, 17))
ERRORS_AWAY = (
    15.0  # least distance of the rival, in standard errors of one set: Student's t of few realisations is wide
)
ROUNDING = 1e-5  # relative, of exact numbers on another machine


def expected_of(claim, judged: Sequence[Judged]) -> dict | None:
    """The entries of a claim that its twin changes; None if it was not measured."""
    values = [one.value for one in judged if one.value is not None and math.isfinite(one.value)]
    if len(values) < 3:
        return None
    errors = [one.standard_error or 0.0 for one in judged if one.value is not None and math.isfinite(one.value)]
    mean = sum(values) / len(values)
    by_spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    by_errors = sum(error**2 for error in errors) / len(errors)
    error = math.sqrt(max(by_spread, by_errors) / len(values))
    distance = 0.5 if claim.rival is None else claim.rival - claim.expected
    if claim.expected and mean:
        distance *= mean / claim.expected
    distance = math.copysign(max(abs(distance), ERRORS_AWAY * max(errors)), distance)
    changes = {"expected": mean, "expected_error": error, "rival": mean + distance, "allowance": ROUNDING * abs(mean)}
    return {name: float(f"{value:.6g}") for name, value in changes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", nargs="*", default=list(FAMILIES))
    parser.add_argument("--sets", type=int, default=len(SETS), help="sets of seeds")
    parser.add_argument("--claim", action="append", help="this one only, others keep their entries; may be given again")
    arguments = parser.parse_args()
    for family in arguments.family:
        claims = {claim.id: claim for claim in claims_of(family, calibrated=False)}
        claims = {name: claim for name, claim in claims.items() if arguments.claim is None or name in arguments.claim}
        of_claim: dict[str, list[Judged]] = {name: [] for name in claims}
        for one in SETS[: arguments.sets]:
            for judged in judge(family, one, only=list(claims), calibrated=False):
                of_claim[judged.claim].append(judged)
        found = {name: expected_of(claims[name], judged) for name, judged in of_claim.items()}
        for name in [name for name, changes in found.items() if changes is None]:
            print(f"{name}: not measured: {of_claim[name][0].reason}")
        path = HERE / "twins" / f"{family}_expected.yaml"
        text = (
            "# What the engine without a mistake gives at the sizes of the twins; made by tests.mutants.calibration.\n"
        )
        before = read(f"{family}_expected") if arguments.claim else {}
        kept = before | {name: changes for name, changes in found.items() if changes is not None}
        path.write_text(text + yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
