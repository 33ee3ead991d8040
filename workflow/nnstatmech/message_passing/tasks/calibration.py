"""Task ``calibration``: whether the posterior's probabilities are frequencies, after one and after many passes.

Columns of the table: ``prediction`` (``analytic``: averaged over the posterior layer by layer; ``sampled``: votes of
networks that are drawn from it, (votes + 1)/(networks + 2); ``sigmoid``: of a gradient baseline). Quantities:

``accuracy``
    In %.
``slope``, ``likelihood``, ``scaled_likelihood``
    The exponent a of p^a that fits best (below 1: over-confident), and the mean −log p before and after it.
``calibration_error``, ``error_floor``
    Mean distance of confidence from accuracy over bins of equally many images, and the same for labels drawn from the
    probabilities.
``detection``
    The AUROC of confidence between seen and unseen classes; only where some are unseen.
``closure``
    Mean distance of the analytic from the sampled probabilities (votes as they are).
``pointwise_accuracy``
    Of the network sign(m), in %.
``reliability``
    In the list columns: mean confidence and accuracy of each bin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ...datasets import Dataset
from ...seeding import numpy_stream, torch_stream
from ...storage.progress import no_progress
from ...storage.tables import tidy
from .. import calibration, observables
from ..graphs import CapturedStep
from ..learning import Learner
from ..params import Calibration
from ..preprocessing import Samples, prepare, shuffled
from ..trainers import Trainer, replicas_of, rows_of, trainer_of
from .training import learn_epoch

VOTERS_AT_ONCE = 10


def run(
    params: Calibration,
    seeds: Sequence[int],
    dataset: Dataset | None,
    device: torch.device,
    progress=no_progress,
) -> pa.Table:
    """Train one network per seed and case, and judge its probabilities at the checkpoints.

    Raises
    ------
    ValueError
        If there is no labelled data set, or the batch is larger than the training set.
    """
    if dataset is None:
        raise ValueError("calibration needs a data set; name one, e.g. dataset: fashion_mnist")
    train, test, outside = split(dataset, params, device)
    replicas = replicas_of(params, seeds)
    own_seeds = [replica.seed for replica in replicas]
    rows = rows_of(params, replicas, train, dataset.name)
    trainer = trainer_of(params, replicas, train.inputs.shape[1], device)
    step = CapturedStep(trainer.learn_batch, trainer.state, trainer.kernel_plan, enabled=False)
    shuffles = [torch_stream(seed, "shuffle") for seed in own_seeds]
    tables = []
    with progress(total=max(params.checkpoints), desc=f"calibration, {params.algorithm}") as bar:
        for epoch in range(1, max(params.checkpoints) + 1):
            learn_epoch(step, trainer, train, shuffled(rows, shuffles), params.batch_size)
            if epoch in params.checkpoints:
                for number, replica in enumerate(replicas):
                    row = {"seed": np.array([replica.seed]), "case": np.array([replica.case], object), "epoch": epoch}
                    tables += judged(params, trainer, number, replica.seed, test, outside, row)
            bar.update(1)
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def split(dataset: Dataset, params: Calibration, device: torch.device) -> tuple[Samples, Samples, Samples | None]:
    """Training and test images of the classes that are seen, and test images of the others."""
    chosen = dataset
    if params.unseen:
        seen = ~np.isin(np.asarray(dataset.train_labels), params.unseen)
        chosen = replace(
            dataset, train_images=dataset.train_images[seen], train_labels=np.asarray(dataset.train_labels)[seen]
        )
    train, test = prepare(chosen, params.labels, device)
    known = torch.from_numpy(~np.isin(np.asarray(dataset.test_labels), params.unseen)).to(device)
    outside = Samples(test.inputs[~known], test.labels[~known]) if params.unseen else None
    inside = Samples(test.inputs[known][: params.test_samples], test.labels[known][: params.test_samples])
    return train, inside, outside


def judged(
    params: Calibration,
    trainer: Trainer,
    number: int,
    seed: int,
    test: Samples,
    outside: Samples | None,
    row: dict,
) -> Iterator[pa.Table]:
    """Every quantity of replica ``number``."""
    labels = test.labels.cpu().numpy().astype(float)
    inside = probabilities(params, trainer, number, seed, test.inputs)
    beyond = probabilities(params, trainer, number, seed, outside.inputs) if outside else {}
    for prediction, p in inside.items():
        votes = (p * (params.networks + 2) - 1) / max(1, params.networks) if prediction == "sampled" else p
        slope = calibration.slope(p, labels)
        values = {
            "accuracy": 100 * float(((p > 0.5) == (labels > 0)).mean()),
            "slope": slope,
            "likelihood": calibration.negative_log_likelihood(p, labels),
            "scaled_likelihood": calibration.negative_log_likelihood(p, labels, slope),
            "calibration_error": calibration.calibration_error(p, labels),
            "error_floor": calibration.error_floor(p, numpy_stream(seed, "calibration: floor")),
        }
        if prediction in beyond:
            values["detection"] = calibration.detection(p, beyond[prediction])
        if prediction == "sampled":
            values["closure"] = float(np.abs(votes - inside["analytic"]).mean())
        for quantity, value in values.items():
            yield tidy(Calibration.columns, **row, prediction=prediction, quantity=quantity, value=value)
        confidence, accuracy = calibration.reliability(p, labels)
        yield tidy(
            Calibration.columns,
            **row,
            prediction=prediction,
            quantity="reliability",
            probabilities=[confidence],
            frequencies=[accuracy],
        )
    outputs = trainer.predictors()[""](test.inputs.unsqueeze(0).expand(replica_count(trainer), -1, -1))
    right = ~observables.errors(outputs, test.labels.expand(replica_count(trainer), -1))
    value = 100 * float(right[number].double().mean())
    yield tidy(Calibration.columns, **row, quantity="pointwise_accuracy", value=value)


def replica_count(trainer: Trainer) -> int:
    return len(trainer.network.layers[0].weights.mean) if isinstance(trainer, Learner) else len(trainer.state()[0])


def probabilities(
    params: Calibration, trainer: Trainer, number: int, seed: int, inputs: Tensor
) -> dict[str, np.ndarray]:
    """P(+1) of every image, (images,), by each way of prediction."""
    if not isinstance(trainer, Learner):
        expanded = inputs.unsqueeze(0).expand(replica_count(trainer), -1, -1)
        z = trainer.predictors()[""](expanded)[number, :, 0] * params.hidden[-1] ** -0.5
        return {"sigmoid": torch.sigmoid(z.double()).cpu().numpy()}
    expanded = inputs.unsqueeze(0).expand(replica_count(trainer), -1, -1)
    u = observables.bayesian_outputs(trainer.network, expanded)[number, :, 0].double()
    found = {"analytic": torch.special.ndtr(u).cpu().numpy()}
    if params.networks:
        means = [layer.weights.mean[number] for layer in trainer.network.layers]
        votes = sampled_votes(means, inputs, params.networks, seed)
        found["sampled"] = ((votes + 1) / (params.networks + 2)).cpu().numpy()
    return found


def sampled_votes(means: Sequence[Tensor], inputs: Tensor, networks: int, seed: int) -> Tensor:
    """How many of ``networks`` networks with weights drawn from the means [(K, N)] say +1, (images,)."""
    generator = torch_stream(seed, "calibration: networks")
    votes = torch.zeros(len(inputs), dtype=torch.float64, device=inputs.device)
    done = 0
    while done < networks:
        count = min(VOTERS_AT_ONCE, networks - done)
        drawn = []
        for mean in means:
            uniform = torch.rand((count, *mean.shape), generator=generator).to(mean)
            drawn.append(torch.where(2 * uniform - 1 < mean, 1.0, -1.0).to(mean.dtype))
        outputs = observables.pointwise_outputs(drawn, inputs.unsqueeze(0).expand(count, -1, -1))
        votes += (outputs[..., 0] > 0).double().sum(0)
        done += count
    return votes
