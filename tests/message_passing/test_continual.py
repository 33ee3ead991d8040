"""Continual learning: what label noise, rehearsal and metaplasticity do, and that the default is what it was."""

import numpy as np
import pytest
import torch
from message_passing.tables import CPU, images

from nnstatmech.message_passing.baselines import BinaryNet
from nnstatmech.message_passing.curves.continual import memory
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network
from nnstatmech.message_passing.params import Continual, Training
from nnstatmech.message_passing.tasks import continual

SMALL = {"hidden": [21], "labels": "ten_classes", "batch_size": 20, "epochs": 3, "tasks": 3, "rho": 1.0}


def table(**params):
    frame = continual.run(Continual(**SMALL | params), [0, 1], images(), CPU).to_pandas()
    frame["run"] = "r"
    frame.attrs["runs"] = {"r": {}}
    return frame


def test_label_noise_is_no_part_of_a_run_while_it_is_zero():
    assert "label_noise" not in Training().identity()
    assert Training(label_noise=0.1).identity()["label_noise"] == 0.1


@pytest.mark.parametrize("output", ["binary", "argmax"])
def test_vanishing_noise_is_none(output):
    """e = 1e-30 and e = 0 give the same fields; e = 0.3 weaker ones."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 16, 31, generator=generator, dtype=torch.float64)
    y = torch.sign(x[..., :9].sum(-1)) if output == "binary" else torch.randint(4, (1, 16), generator=generator)
    fields = []
    for noise in (0.0, 1e-30, 0.3):
        widths = [31, 9, 1 if output == "binary" else 4]
        network = build_network(widths, "amp", [0], output=output, label_noise=noise, dtype=torch.float64)
        before = network.layers[0].weights.field.clone()
        Learner(network, LearningSettings(rho=1.0)).train_batch(x, y)
        fields.append(network.layers[0].weights.field - before)
    torch.testing.assert_close(fields[1], fields[0], rtol=1e-6, atol=1e-9)
    assert fields[2].square().mean() < 0.5 * fields[0].square().mean()


def test_the_score_of_a_noisy_label_is_bounded():
    """On a pattern that is wrong by many standard deviations the field sent stays finite, and falls."""
    x = torch.ones(1, 1, 31, dtype=torch.float64)
    sent = {}
    for noise in (0.0, 0.1):
        network = build_network([31, 1], "mf", [0], epsilon=0.0, label_noise=noise, dtype=torch.float64)
        weights = network.layers[0].weights
        weights.mean.fill_(0.9)
        weights.variance.fill_(1 - 0.81)
        learner = Learner(network, LearningSettings(rho=0.0))
        learner.train_batch(x, -torch.ones(1, 1, dtype=torch.float64))
        sent[noise] = float(weights.field.abs().max())
    assert sent[0.0] > 4
    assert sent[0.1] < 0.01


def test_accuracies_are_there_for_all_tasks_so_far():
    frame = table()
    counts = frame[frame["quantity"] == "test_accuracy"].groupby(["learned", "seed"], observed=True)["task"].count()
    assert counts.unstack()[0].tolist() == [1, 2, 3]
    assert set(frame["quantity"]) == {"test_accuracy", "decided", "first_surprise", "last_surprise", "batches"}
    statistics = memory(frame)
    assert (statistics["new"] > 30).all()
    np.testing.assert_allclose(
        statistics["mean"] * 3,
        statistics["new"] * 3 + statistics["transfer"] * 2,
        rtol=1e-9,
    )


def test_a_task_twice_forgets_nothing(monkeypatch):
    """With the same order of pixels in all tasks, accuracies of all tasks are equal."""
    monkeypatch.setattr(continual, "pixel_order", lambda task, pixels: torch.arange(pixels))
    frame = table(tasks=2)
    last = frame[(frame["quantity"] == "test_accuracy") & (frame["learned"] == 2)]
    values = last.pivot(index="seed", columns="task", values="value")
    assert (values[1] == values[2]).all()


def test_rehearsal_remembers():
    plain, rehearsed = (
        memory(table(algorithm="sgd", learning_rate=3.0, rehearsal=rehearsal, epochs=6))["first"].mean()
        for rehearsal in (False, True)
    )
    assert rehearsed > plain + 5


def test_metaplasticity_slows_only_what_weakens():
    nets = [BinaryNet([9, 1], [0], learning_rate=0.1, metaplasticity=m) for m in (0.0, 2.0)]
    start = nets[0].latent[0].clone()
    x = torch.randn(1, 4, 9, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([[1.0, -1.0, 1.0, 1.0]])
    for net in nets:
        net.train_batch(x, y)
    steps = [net.latent[0] - start for net in nets]
    weakens = steps[0] * start < 0
    assert weakens.any()
    assert (~weakens).any()
    torch.testing.assert_close(steps[1][~weakens], steps[0][~weakens])
    expected = steps[0] * (1 - torch.tanh(2 * start) ** 2)
    torch.testing.assert_close(steps[1][weakens], expected[weakens], rtol=1e-4, atol=1e-7)
