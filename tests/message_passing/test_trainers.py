"""Both kinds of trainers behind one interface."""

import pytest
import torch

from nnstatmech.message_passing.params import Training
from nnstatmech.message_passing.trainers import by_layer, replicas_of, trainer_of

CPU = torch.device("cpu")


def test_a_replica_has_the_parameters_of_its_case():
    params = Training(rho=0.9, psi=0.5, cases=[{"name": "a", "rho": [1.0, 1.0, 0.8]}, {"name": "b", "psi": 0.1}])
    replicas = replicas_of(params, [3, 4])
    assert [(r.case, r.seed) for r in replicas] == [("a", 3), ("a", 4), ("b", 3), ("b", 4)]
    assert (replicas[0].params.rho, replicas[0].params.psi) == ([1.0, 1.0, 0.8], 0.5)
    assert (replicas[2].params.rho, replicas[2].params.psi) == (0.9, 0.1)


def test_one_value_stands_for_all_layers():
    assert by_layer([0.5, [1.0, 2.0]], 2).tolist() == [[0.5, 1.0], [0.5, 2.0]]


@pytest.mark.parametrize("labels", ["odd_even", "ten_classes"])
@pytest.mark.parametrize("algorithm", ["bp", "bpi", "amp", "mf", "sgd", "adam_sgd"])
def test_a_trainer_learns_and_says_what_it_sees(algorithm, labels):
    params = Training(algorithm=algorithm, labels=labels, hidden=[7, 5])
    trainer = trainer_of(params, replicas_of(params, [0, 1]), 11, CPU)
    inputs = torch.randn(2, 6, 11, generator=torch.Generator().manual_seed(0))
    classes = torch.randint(10, (2, 6), generator=torch.Generator().manual_seed(1))
    trainer.train_batch(inputs, classes if labels == "ten_classes" else 2.0 * (classes % 2) - 1)
    trainer.after_batch(0)
    units = 10 if labels == "ten_classes" else 1
    assert all(predict(inputs).shape == (2, 6, units) for predict in trainer.predictors().values())
    assert trainer.diverged() == ([False, False], [False, False])
    seen = list(trainer.observe())
    assert {layer for quantity, layer, _ in seen if quantity == "sign_overlap"} == set(range(2 + (units > 1)))
    assert all(len(values) == 2 for _, _, values in seen)
    passes_messages = "sgd" not in algorithm
    assert ("bayes_" in trainer.predictors()) == passes_messages
    assert any(quantity == "polarisation" for quantity, _, _ in seen) == passes_messages


def test_a_lost_replica_is_told_from_one_at_the_limit():
    params = Training(algorithm="amp", hidden=[5], rho=1.0, field_limit=100.0)
    trainer = trainer_of(params, replicas_of(params, [0, 1, 2]), 11, CPU)
    weights = trainer.network.layers[0].weights
    weights.field[1, 0, 0] = 100.0
    weights.mean[2, 0, 0] = torch.nan
    assert trainer.diverged() == ([False, True, True], [False, False, True])
    assert weights.mean.isfinite().all()  # the lost one is out of the computation
