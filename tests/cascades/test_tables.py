"""Figures and measures say which tasks' tables they read."""

from pathlib import Path

import pytest

from nnstatmech.cascades import measures
from nnstatmech.cascades.family import FAMILY
from nnstatmech.planning.codehash import public_functions
from nnstatmech.planning.references import reference_of


@pytest.mark.parametrize(
    ("draw", "experiments", "message"),
    [
        ("maps.cnn", {"main": "trained"}, "'trained' is a table of Trainability, and cnn reads one of Entropies"),
        ("maps.resnet", {"main": "decoded", "training": "decoded"}, "and resnet reads one of Classification"),
        ("trained_depths.falling", {"main": "trained"}, "a table of Trainability, and falling reads one of Falling"),
        ("trained_depths.falling", {"main": "walks", "cascades": "walks"}, "and falling reads one of Entropies"),
    ],
)
def test_an_experiment_of_another_task_is_refused_in_one_line(draw, experiments, message):
    signature = reference_of(draw, "nnstatmech.cascades.figures").signature()
    tasks = {"trained": "Trainability", "decoded": "Entropies", "walks": "Falling"}
    ((_, text),) = signature.mistakes(experiments, {}, tasks)
    assert message in text


def test_every_measure_and_figure_says_what_it_reads():
    known = {parameters.__name__ for parameters in FAMILY.tasks.values()}
    package = "nnstatmech.cascades"
    drawings = {
        "maps": ["diff_entropy", "cnn", "resnet"],
        "losses": ["rel_entropy", "cutoff_curves", "cutoff_law"],
        "law": ["theory"],
        "trained_depths": ["trainability", "falling"],
        "decoded_images": ["scheme", "reconstruction"],
        "channel_images": ["channels"],
        "prediction": ["prediction", "one_epoch"],
    }
    references = [
        reference_of(f"{module}.{name}", f"{package}.figures") for module in drawings for name in drawings[module]
    ]
    for reference in references:
        for role in reference.signature().roles.values():
            assert role.tasks, reference
            assert role.tasks <= known, reference
    for name in public_functions(Path(measures.__file__)):
        first = next(iter(reference_of(f"measures.{name}", package).signature().roles.values()))
        assert first.tasks, name
        assert first.tasks <= known, name
