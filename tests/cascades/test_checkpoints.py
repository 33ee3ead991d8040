"""Cascades whose job was killed go on with the same numbers, and compute nothing twice."""

import pytest
from mortal import Mortal

from nnstatmech.cascades import ensembles
from nnstatmech.cascades.params import Entropies, Trainability
from nnstatmech.cascades.tasks import entropies, trainability

from .samples import CPU, labelled_blobs

CASES = {
    "trainability": (
        trainability,
        "learning_curves",
        Trainability(
            resolution=6,
            depths=[2, 5],
            weight_variances=[0.5, 1.5],
            steps=4,
            measure_every=2,
            batch_size=10,
            test_images=20,
        ),
    ),
    "entropies": (
        entropies,
        "cascade_tables",
        Entropies(
            architecture="wide",
            resolution=6,
            depth=4,
            evaluated_depths=2,
            weight_variances=[0.5, 1.5],
            train_images=40,
            test_images=20,
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_computed_is_kept(name, monkeypatch):
    task, part, params = CASES[name]
    dataset, checkpoint, computed = labelled_blobs(), Mortal(states=2), []
    monkeypatch.setattr(ensembles, "CPU_BYTES", 1.0)  # one network at a time
    undisturbed = task.run(params, [0, 1], dataset, CPU)
    compute = getattr(task, part)

    def counted(*arguments):
        computed.append(str(arguments[:3]))
        return compute(*arguments)

    monkeypatch.setattr(task, part, counted)
    with pytest.raises(KeyboardInterrupt):
        task.run(params, [0, 1], dataset, CPU, checkpoint=checkpoint)
    assert len(computed) == 2
    assert task.run(params, [0, 1], dataset, CPU, checkpoint=checkpoint).equals(undisturbed)
    assert len(computed) == len(params.weight_variances) * 2 * len(getattr(params, "depths", [0]))
