"""How often a scorecard of true claims holds a refutation: ``python benchmarks/verdict_rule.py [FILE.png]``.

10 000 scorecards of 200 true claims, half of them one-sided with the truth at their bound, for some numbers of
10 000 scorecards of 200 true claims, half of them one-sided with the truth at their bound, for a few numbers of
present one for realisations that are far from normal (exponential). Drawn as a figure of docs/reproduction.md.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm, t

from nnstatmech.figures import style
from nnstatmech.verdicts import REFUTES

CLAIMS, SCORECARDS, AT_ONCE = 200, 10_000, 500
SEEDS = (3, 4, 5, 6, 8, 12, 16)
MOST = 0.02


def statistics(rng: np.random.Generator, seeds: int, skewed: bool, count: int) -> np.ndarray:
    """(mean - truth) / standard error of each claim of some scorecards, (count, CLAIMS)."""
    shape = (count, CLAIMS, seeds)
    samples = rng.standard_exponential(shape) - 1 if skewed else rng.standard_normal(shape)
    return samples.mean(-1) / (samples.std(-1, ddof=1) / np.sqrt(seeds))


def refuted_fraction(seeds: int, threshold: float, skewed: bool = False) -> float:
    """Fraction of scorecards with a refutation, if deviations of more than ``threshold`` standard errors refute."""
    rng = np.random.default_rng(seeds)
    found = 0
    for _ in range(SCORECARDS // AT_ONCE):
        values = statistics(rng, seeds, skewed, AT_ONCE)
        equal, bounds = values[:, : CLAIMS // 2], values[:, CLAIMS // 2 :]
        found += int(((np.abs(equal) >= threshold).any(1) | (bounds <= -threshold).any(1)).sum())
    return found / SCORECARDS


def main() -> None:
    rules = {
        "Student's t (the rule)": lambda seeds: refuted_fraction(seeds, float(t.isf(norm.sf(REFUTES), seeds - 1))),
        "Student's t, exponential realisations": lambda seeds: refuted_fraction(
            seeds, float(t.isf(norm.sf(REFUTES), seeds - 1)), skewed=True
        ),
        "4 standard errors": lambda seeds: refuted_fraction(seeds, 4.0),
    }
    found = {name: [rule(seeds) for seeds in SEEDS] for name, rule in rules.items()}
    print(f"{'realisations':40s}" + "".join(f"{seeds:8d}" for seeds in SEEDS))
    for name, fractions in found.items():
        print(f"{name:40s}" + "".join(f"{100 * fraction:7.2f}%" for fraction in fractions))
    draw(found, sys.argv[1] if len(sys.argv) > 1 else "verdict_rule.png")


def draw(found: Mapping[str, Sequence[float]], file: str) -> None:
    """Fractions against the number of realisations, one line a rule."""
    with style.look():
        figure, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        for (name, fractions), marker in zip(found.items(), "osv", strict=True):
            axes.plot(SEEDS, fractions, marker=marker, label=name)
        axes.axhline(MOST, color="0.5", linestyle=":", label="2 %")
        axes.set(yscale="log", ylim=(2e-4, 1.5), xlabel="realisations", ylabel="scorecards with a false refutation")
        axes.legend(loc="lower center", ncols=2)
        figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
