"""Cascades whose job was killed go on with the same numbers, and compute nothing twice."""

from functools import partial

import pytest
from mortal import Mortal, killed_and_continued

from nnstatmech.cascades import ensembles
from nnstatmech.cascades.params import Channels, Classification, Entropies, Trainability
from nnstatmech.cascades.tasks import channels, classification, entropies, trainability

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


@pytest.mark.parametrize("states", [3, 5, 7, 12])
def test_trainings_of_a_channel_network_go_on(states):
    """In the classifier, between it and the decoders, in these, and in the classifier of the second seed."""
    params = Channels(
        resolution=8,
        layers=[4, "M"],
        steps=5,
        decoder_steps=4,
        batch_size=10,
        shown_images=2,
        channels={1: [0]},
        strongest={},
    )
    dataset = labelled_blobs(side=8, train=40, test=20, colours=3)
    checkpoint = killed_and_continued(partial(channels.run, params, [0, 1], dataset, CPU), states)
    assert len(checkpoint.states) == 2 * (params.steps + params.decoder_steps)


def test_classifiers_that_were_killed_go_on():
    params = Classification(
        architecture="resnet",
        resolution=12,
        depth=6,
        channels=4,
        weight_variances=[0.5, 1.5],
        steps=6,
        momentum=0.9,
        batch_size=10,
        train_images=40,
        test_images=20,
    )
    dataset = labelled_blobs(side=12, train=40, test=20)
    checkpoint = killed_and_continued(partial(classification.run, params, [0, 1], dataset, CPU), states=3)
    assert len(checkpoint.states) == params.steps
