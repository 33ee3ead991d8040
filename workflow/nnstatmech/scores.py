"""Scores that a network at initialisation is given, in the hope that they say how well it will train.

Each is defined as published, a function each; lenses of :mod:`nnstatmech.probe` and three counts stand beside them.
None sees the budget of steps, and none should be read without depth and gradient ratio beside it: these two simple
ones are hard to beat. Batch normalisation uses the statistics of the batch, as in training, dropout is off, and
everything is computed in double precision. A score that a network does not define (a code of ReLUs without ReLU), or
that leaves the range of a float, is null.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from .probe.batch_norm import DROPOUTS, Conditions, default_mode
from .probe.calls import Call, watched
from .probe.checks import ProbeError, checked_model, copied, untouched
from .probe.inputs import prepared
from .probe.network import Inputs
from .probe.probe import Probe, device_of, precision_of
from .probe.trees import first_floating, floating

LAYERS = (nn.Linear, _ConvNd, nn.MultiheadAttention, nn.RNNBase)
RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
NORMALISATIONS = {F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm, F.local_response_norm}
JITTER = 1e-5  # of Jacobian covariances, as published


@dataclass
class Subject:
    """A network that is scored, and what it is scored on.

    Attributes
    ----------
    model
        A copy in double precision, in evaluation mode.
    images, labels
        A batch: floating-point images and integers.
    layout
        Letters of axes, see :func:`nnstatmech.probe.probe.probe_model`.
    precision
        Float type of the network itself.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    layout: str | Mapping[str, str] | None
    precision: torch.dtype

    @property
    def weights(self) -> list[nn.Parameter]:
        """Weights, not biases, of linear, convolutional, recurrent and attention layers, each once."""
        found = {}
        for module in self.model.modules():
            if isinstance(module, LAYERS) or hasattr(module, "parametrizations"):
                for name, parameter in module.named_parameters():
                    if parameter.dim() > 1 and "bias" not in name:
                        found[id(parameter)] = parameter
        if not found:
            found = {id(parameter): parameter for parameter in self.model.parameters() if parameter.dim() > 1}
        return list(found.values())

    def outputs(self, images: Tensor | None = None) -> Tensor:
        """The network's output, (images, classes), with the batch's own statistics."""
        with Conditions("batch"):
            output = first_floating(self.model(self.images.clone() if images is None else images))
        if output is None or output.dim() != 2:
            raise ProbeError("scores need a network that gives one vector of outputs for each image")
        return output

    def loss(self, part: slice = slice(None)) -> Tensor:
        """Cross-entropy of the batch, or of a part of it."""
        return F.cross_entropy(self.outputs(self.images[part].clone()), self.labels[part])

    def gradients(self, loss: Tensor, **settings: Any) -> list[Tensor]:
        """Gradients of the weights, zero where the loss does not depend on them."""
        weights = self.weights
        found = torch.autograd.grad(loss, weights, allow_unused=True, **settings)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]

    def probe(self) -> Probe:
        """The network under the lenses of the probe."""
        twin = copied(self.model, self.images.device, torch.float64)
        inputs = Inputs(self.images, {}).on(self.images.device, torch.float64)
        return Probe(twin, inputs, 0, default_mode([twin]), len(self.images), self.layout, False, self.precision)


# --- counts and lenses --------------------------------------------------------------------------------------------


def depth(subject: Subject) -> float:
    """Number of calls of linear, convolutional, recurrent and attention layers. A baseline."""
    count = 0

    def listener(call: Call, output: Any) -> None:
        nonlocal count
        count += isinstance(call.module, LAYERS)

    with torch.no_grad(), watched(subject.model, listener):
        subject.outputs()
    return float(count)


def parameters(subject: Subject) -> float:
    """Number of parameters, each once. A baseline."""
    return float(sum(parameter.numel() for parameter in subject.model.parameters()))


def multiply_adds(subject: Subject) -> float:
    """Multiply-adds of a forward pass of one image. A baseline."""
    return float(sum(block.multiply_adds for block in subject.probe().structure.blocks))


def gradient_ratio(subject: Subject) -> float:
    """g: ln of the root mean squared norm of a random output's gradient at the input, over that before the head.

    Lens of :mod:`nnstatmech.probe`. The nearer to 0, the better.
    """
    probe = subject.probe()
    probe.measure_gradient()
    last = before_head(probe)
    return probe.results[0]["log_gradient"] - probe.results[last]["log_gradient"]


def weight_gradient_ratio(subject: Subject) -> float:
    """ln of the norm of the loss's gradient for the first layer's weights over that for the last before the head.

    Vanishing or exploding gradients (Schoenholz et al. 2017, section 5). The nearer to 0, the better.
    """
    norms = [float(gradient.norm()) for gradient in subject.gradients(subject.loss())]
    first, last = norms[0], norms[max(len(norms) - 2, 0)]
    return math.log(first / last) if first > 0 and last > 0 else math.nan


def before_head(probe: Probe) -> int:
    """Index of the last block before the head."""
    return max(probe.structure.head - 1, 1)


def noise_lens(subject: Subject, quantity: str) -> float:
    probe = subject.probe()
    probe.measure_noise()
    return probe.results[before_head(probe)][quantity]


def log_chi(subject: Subject) -> float:
    """ln χ, normalised sensitivity to noise before the head (Labatie 2019). The nearer to 0, the better."""
    return noise_lens(subject, "log_chi")


def effective_rank(subject: Subject) -> float:
    """Effective rank of the signal before the head (Labatie 2019)."""
    return noise_lens(subject, "reff_signal")


def contrast(subject: Subject) -> float:
    """1 - c, one minus the mean cosine between two images' activations before the head (Poole et al. 2016)."""
    return noise_lens(subject, "contrast")


def reconstruction(subject: Subject) -> float:
    """R² of the reconstruction cascade from before the head (Thurn, Jefferson, Erdmenger 2024; ridge decoders)."""
    probe = subject.probe()
    probe.measure_cascade()
    return probe.results[before_head(probe)].get("r2", math.nan)


# --- gradients of the loss -----------------------------------------------------------------------------------------


def grad_norm(subject: Subject) -> float:
    """Sum over layers of the Euclidean norm of the loss's gradient (Abdelfattah et al. 2021, section 3.1)."""
    return float(sum(gradient.norm() for gradient in subject.gradients(subject.loss())))


def snip(subject: Subject) -> float:
    """Σ |w ∂L/∂w| (Lee, Ajanthan, Torr 2019, equation 5; summed as by Abdelfattah et al. 2021)."""
    gradients = subject.gradients(subject.loss())
    return float(sum((w.detach() * g).abs().sum() for w, g in zip(subject.weights, gradients, strict=True)))


def plain(subject: Subject) -> float:
    """Σ w ∂L/∂w (Mozer, Smolensky 1989; named so by Abdelfattah et al. 2021)."""
    gradients = subject.gradients(subject.loss())
    return float(sum((w.detach() * g).sum() for w, g in zip(subject.weights, gradients, strict=True)))


def grasp(subject: Subject) -> float:
    """Σ -w (H ∂L/∂w), with H the Hessian of the loss (Wang, Zhang, Grosse 2020, equation 8)."""
    gradients = subject.gradients(subject.loss(), create_graph=True)
    product = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
    curved = subject.gradients(product)
    return float(sum((-w.detach() * h).sum() for w, h in zip(subject.weights, curved, strict=True)))


def fisher(subject: Subject) -> float:
    """Σ over channels of ½ E (Σ a ∂L/∂a)², a the outputs of layers (Turner et al. 2020; Abdelfattah et al. 2021)."""
    kept: list[Tensor] = []

    def listener(call: Call, output: Any) -> Tensor | None:
        if not isinstance(call.module, LAYERS) or not isinstance(output, Tensor):
            return None
        kept.append(output)
        # The network goes on with a copy, on which it may work in place.
        return output.clone()

    with watched(subject.model, listener):
        loss = subject.loss()
    gradients = torch.autograd.grad(loss, kept, allow_unused=True)
    total = 0.0
    for value, gradient in zip(kept, gradients, strict=True):
        if gradient is not None:
            products = value.detach() * gradient
            channels = products.flatten(2).sum(2) if products.dim() > 2 else products
            total += float(0.5 * channels.square().mean(0).sum())
    return total


def gradsign(subject: Subject) -> float:
    """Σ over weights of |Σ over images of sign ∂L(image)/∂w| (Zhang, Jia 2022, equation 6)."""
    losses = F.cross_entropy(subject.outputs(), subject.labels, reduction="none")
    signs: list[Tensor] | None = None
    for loss in losses:
        found = [gradient.sign() for gradient in subject.gradients(loss, retain_graph=True)]
        signs = found if signs is None else [a + b for a, b in zip(signs, found, strict=True)]
    return float(sum(sign.abs().sum() for sign in signs or []))


def zico(subject: Subject) -> float:
    """Σ over layers of ln Σ E|∂L/∂w| / √Var|∂L/∂w| over minibatches, here two halves (Li et al. 2023, equation 15)."""
    half = len(subject.images) // 2
    halves = [
        [gradient.abs() for gradient in subject.gradients(subject.loss(part))]
        for part in (slice(0, half), slice(half, 2 * half))
    ]
    total = 0.0
    for first, second in zip(*halves, strict=True):
        pair = torch.stack([first, second])
        mean, deviation = pair.mean(0), pair.std(0, correction=0)
        ratios = (mean / deviation)[deviation > 0]
        if ratios.numel():
            total += math.log(float(ratios.sum()))
    return total


# --- without data --------------------------------------------------------------------------------------------------


class WithoutNormalisation(TorchFunctionMode):
    """Normalisations give back their input, and dropout is off."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function in NORMALISATIONS or function is torch.batch_norm:
            return args[0] if args else (kwargs or {})["input"]
        if function in DROPOUTS:
            return Conditions.without_dropout(function, args, kwargs or {})
        return function(*args, **(kwargs or {}))


def linearised(subject: Subject) -> list[tuple[Tensor, Tensor]]:
    """Absolute weights and the gradients of the summed output for an input of ones, normalisation removed."""
    kept = {name: value.clone() for name, value in subject.model.state_dict().items()}
    with torch.no_grad():
        for parameter in subject.model.parameters():
            parameter.abs_()
    try:
        with WithoutNormalisation():
            output = floating(subject.model(torch.ones_like(subject.images[:1])))
        gradients = subject.gradients(output.sum())
        return [(w.detach().clone(), g) for w, g in zip(subject.weights, gradients, strict=True)]
    finally:
        subject.model.load_state_dict(kept)


def synflow(subject: Subject) -> float:
    """Σ w ∂R/∂w with R the summed output of |w| on ones, normalisation removed (Tanaka et al. 2020, equation 2)."""
    return float(sum((w * g).sum() for w, g in linearised(subject)))


def logsynflow(subject: Subject) -> float:
    """Σ w ln(1 + ∂R/∂w), R as in :func:`synflow` (Cavagnero et al. 2023, equation 5)."""
    return float(sum((w * g.abs().log1p()).sum() for w, g in linearised(subject)))


# --- kernels and codes ---------------------------------------------------------------------------------------------


def jacob_cov(subject: Subject) -> float:
    """-Σ ln(λ + k) + 1/(λ + k), λ of the correlations of input Jacobians, k = 1e-5 (Mellor et al. 2020, version 1)."""
    images = subject.images.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(subject.outputs(images).sum(), images)
    rows = jacobian.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        return math.nan
    rows = rows / norms
    shifted = torch.linalg.eigvalsh(rows @ rows.mT) + JITTER
    return float(-(shifted.log() + 1 / shifted).sum())


class Codes(Conditions):
    """Which ReLUs are active for which images, while batch normalisation uses the batch's statistics."""

    def __init__(self) -> None:
        super().__init__("batch")
        self.found: list[Tensor] = []

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function in RELUS:
            self.found.append((args[0].detach() > 0).flatten(1))
        return super().__torch_function__(function, types, args, kwargs)


def relu_codes(subject: Subject) -> Tensor | None:
    """Activity of all ReLUs, (images, ReLUs), booleans; None without ReLU."""
    codes = Codes()
    with torch.no_grad(), codes:
        subject.model(subject.images.clone())
    same = [code for code in codes.found if len(code) == len(subject.images)]
    return torch.cat(same, 1) if same else None


def naswot(subject: Subject) -> float:
    """ln |det K|, K the number of ReLUs in which two images agree (Mellor et al. 2021, equation 2)."""
    codes = relu_codes(subject)
    if codes is None:
        return math.nan
    active = codes.double()
    kernel = active @ active.mT + (1 - active) @ (1 - active).mT
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if sign != 0 else math.nan


def linear_regions(subject: Subject) -> float:
    """Number of different codes of ReLUs among the images (Xiong et al. 2020; Chen, Gong, Wang 2021, section 3.1.2)."""
    codes = relu_codes(subject)
    return math.nan if codes is None else float(len(torch.unique(codes, dim=0)))


def ntk_condition(subject: Subject) -> float:
    """λ_max / λ_min of the tangent kernel of the summed outputs (Chen, Gong, Wang 2021, equation 4). Small is good."""
    outputs = subject.outputs()
    rows = [
        torch.cat([gradient.flatten() for gradient in subject.gradients(output.sum(), retain_graph=True)])
        for output in outputs
    ]
    jacobian = torch.stack(rows)
    eigenvalues = torch.linalg.eigvalsh(jacobian @ jacobian.mT)
    rounding = torch.finfo(eigenvalues.dtype).eps * len(rows) * float(eigenvalues[-1])
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > rounding else math.nan


# --- all of them ---------------------------------------------------------------------------------------------------

Score = Callable[[Subject], float]

SCORES: dict[str, Score] = {
    score.__name__: score
    for score in (
        depth,
        gradient_ratio,
        weight_gradient_ratio,
        parameters,
        multiply_adds,
        log_chi,
        effective_rank,
        contrast,
        reconstruction,
        grad_norm,
        snip,
        plain,
        grasp,
        fisher,
        gradsign,
        zico,
        synflow,
        logsynflow,
        jacob_cov,
        naswot,
        linear_regions,
        ntk_condition,
    )
}
BASELINES = ("depth", "gradient_ratio")


def score_model(
    model: nn.Module,
    images: Any,
    labels: Tensor | np.ndarray | Sequence[int],
    names: Iterable[str] | None = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    device: torch.device | str | None = None,
) -> pd.DataFrame:
    """Scores of a network as it is: a classifier of images, usually at initialisation.

    Parameters
    ----------
    model
        Any classifier; it stays as it is.
    images
        A batch of floating-point images, or an array of uint8 images.
    labels
        Their classes, integers.
    names
        Of :data:`SCORES`; all by default. Depth and gradient ratio are always among them.
    layout
        See :func:`nnstatmech.probe.probe.probe_model`.
    device
        By default where the model is.

    Returns
    -------
    pandas.DataFrame
        ``score``, ``value`` (NaN where undefined), ``seconds`` (of a CPU), ``definition`` with its source.

    Raises
    ------
    ProbeError
        If the model cannot be scored, or there is no such score.
    """
    chosen = list(dict.fromkeys([*BASELINES, *(SCORES if names is None else names)]))
    unknown = [name for name in chosen if name not in SCORES]
    if unknown:
        raise ProbeError(f"scores {', '.join(map(repr, unknown))}: must be some of {', '.join(SCORES)}")
    model = checked_model(model)
    rows = []
    with untouched():
        subject = subject_of(model, prepared(images), labels, layout, device)
        for name in chosen:
            start = time.process_time()
            with torch.enable_grad():
                value = SCORES[name](subject)
            seconds = time.process_time() - start
            rows.append(
                {
                    "score": name,
                    "value": value if math.isfinite(value) else math.nan,
                    "seconds": seconds,
                    "definition": " ".join((SCORES[name].__doc__ or "").split()),
                }
            )
    return pd.DataFrame(rows)


def subject_of(model: nn.Module, images: Any, labels: Any, layout: Any, device: torch.device | str | None) -> Subject:
    """A copy of the model and the batch, in double precision."""
    place = device_of(model) if device is None else torch.device(device)
    torch.set_default_dtype(torch.float64)
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise ProbeError("scores need a batch of images as one floating-point tensor, or as an array of uint8 images")
    wanted = torch.as_tensor(labels)
    if wanted.shape != images.shape[:1] or wanted.is_floating_point():
        raise ProbeError(f"labels of shape {tuple(wanted.shape)}: must be {len(images)} integers, one for each image")
    precision = precision_of(model, torch.float32, given=True)
    twin = copied(model, place, torch.float64)
    for parameter in twin.parameters():
        parameter.requires_grad_(parameter.is_floating_point())
    return Subject(
        twin, images.detach().to(place, torch.float64, copy=True), wanted.to(place).long(), layout, precision
    )
