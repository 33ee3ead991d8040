"""Remake fixed_points.json, the reference values of test_mean_field.py (some ten minutes): run from the tests' folder.

The package only supplies guesses and says which σ_w² is critical; what is written solves the equations of
reference.py, in extended precision or 30 digits.
"""

import json
from pathlib import Path

from theory.activations_of_tests import ACTIVATIONS
from theory.reference import MEANS, fixed

from nnstatmech.theory.mean_field import MeanField, critical_weight_variance

BOUNDED = ("tanh", "erf", "hard tanh")


def grid(name, bias_variance):
    """Weight variances: ordered, chaotic, on both sides of criticality."""
    yield 0.3
    if bias_variance or name in BOUNDED:
        yield from (1.9, 4.0, 16.0, 100.0) if name in BOUNDED else (1.9,)
    if bias_variance and (name in BOUNDED or bias_variance >= 1):
        critical = critical_weight_variance(bias_variance, ACTIVATIONS[name])
        yield from (critical - 1e-9, critical + 1e-9, critical + 1e-4)


def main():
    rows = []
    for name, means in MEANS.items():
        for bias_variance in (0.0, 2e-5, 0.05, 1.0, 100.0):
            for weight_variance in grid(name, bias_variance):
                guess = MeanField(weight_variance, bias_variance, ACTIVATIONS[name])
                if guess.fixed_length == 0:
                    continue
                distance = guess.fixed_distance
                if distance not in (0, 1):
                    distance *= 1 + 1e-5
                found = fixed(means(), weight_variance, bias_variance, guess.fixed_length * (1 + 1e-7), distance)
                rows.append({"activation": name, "weights": weight_variance, "biases": bias_variance} | vars(found))
    lines = ",\n".join(json.dumps(row) for row in rows)
    (Path(__file__).parent / "fixed_points.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
