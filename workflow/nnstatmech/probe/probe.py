"""Probes any network: what becomes of signal, noise, gradients and information, block by block."""

import hashlib
import math
import platform
import random
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..seeding import stream_key, torch_stream
from .batch_norm import Conditions, Mode, check_mode, default_mode
from .calls import Call
from .cascade import FEWEST_IMAGES, cascade_quantities, images_to_use
from .checks import ProbeError, checked_model, copied, first_line, require_finite, untouched
from .gradients import back_propagate, log_gradient
from .inputs import prepared
from .moments import (
    NOTHING,
    Quantities,
    dead_units,
    kept_similarity,
    noise_quantities,
    signal_quantities,
    similarities,
)
from .network import Inputs, Network, checked_output
from .noise import Method, propagate
from .params import FEWEST_ROWS, Probed
from .sources import builder
from .structure import Structure, find_structure
from .trees import floating, tensors

LENSES = ("noise", "gradient", "cascade")
COLUMNS = ("state", *(name for name in Probed.columns if name != "step"))


def probe_model(
    model: nn.Module | None,
    inputs: Any,
    *,
    build: Callable[[], nn.Module] | str | None = None,
    states: Sequence[Any] | Mapping[Any, Any] | None = None,
    forward: Mapping[str, Any] = {},
    seeds: int | Sequence[int] = 1,
    lenses: Sequence[str] = LENSES,
    batch: int = 64,
    batch_norm: Mode | None = None,
    layout: str | Mapping[str, str] | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float64,
    fine: bool = False,
) -> pd.DataFrame:
    """What becomes of signal, noise, gradients and information in a network, block by block.

    The model is probed in the state given. It, its flags and hooks, the inputs and all generators stay as they are.

    Parameters
    ----------
    model
        Any module; None with ``build``.
    inputs
        A tensor, a tuple or a dict of keyword inputs; an array of images; a data set; or the folder of images.
    build
        Makes a network, for several initialisations: a function, or its name (``my_models.py:build``,
        ``torchvision:resnet18``).
    states
        State dicts (or files of them), in order or by name: the same network over training time.
    forward
        Further keyword arguments of the model, the same for all images.
    seeds
        Number of realisations, or which: initialisation (with ``build``) and noise.
    lenses
        ``noise`` (moments of signal and noise), ``gradient``, ``cascade`` (reconstruction of the input).
    batch
        Number of images that noise and gradients are measured on: the first ones.
    batch_norm
        ``held``, ``batch`` or ``running``, see :mod:`nnstatmech.probe.batch_norm`; None: held where running statistics
        are initial, else running.
    layout
        Letters of axes where they cannot be found: ``BCHW``, ``TBD``, …, or name of a block (``input``) to letters.
    device, dtype
        Where and in what precision is computed; by default where the model is, in float64.
    fine
        Keep every bottleneck as a block: normalisations and activations apart.

    Returns
    -------
    pandas.DataFrame
        Long: ``state``, ``seed``, ``block`` (0: the input), ``name``, ``kind``, ``shape``, ``parameters``,
        ``multiply_adds``, ``batch_norm``, ``quantity``, ``value``. NaN where a value is undefined or below what the
        float type resolves. Quantities, natural logarithms:

        * ``nu1_abs_signal``, ``nu2_signal``, ``mu2_signal``, ``mu4_signal``, ``log_nu2_signal``, ``log_mu2_signal``,
          ``log_mu2_noise``, ``reff_signal``, ``reff_noise``: as in :mod:`nnstatmech.moments`;
        * ``log_chi``: normalised sensitivity, 0 at the input; ``delta_chi``: its geometric increment;
        * ``correlation``, ``contrast``: mean cosine between two images' activations, and one minus it;
        * ``kept_similarity``, ``kept_similarity_error``: correlation over pairs of images between their cosines here
          and at the input;
        * ``dead_units``: share of units that are constant over images and positions;
        * ``log_gradient``: ½ ln of the squared gradient of a random output, summed over elements, mean over images;
        * ``r2``, ``r2_absolute``, ``differential_entropy``, ``rows_per_feature``: see
          :func:`nnstatmech.probe.cascade.cascade_quantities`.

        ``attrs``: model digest, parameters, versions, modes and methods.

    Raises
    ------
    ProbeError
        In one sentence: what cannot be probed and what helps.
    """
    check_arguments(model, build, seeds, lenses, batch, batch_norm)
    wanted = range(seeds) if isinstance(seeds, int) else seeds
    make = builder(build) if isinstance(build, str) else build
    values = Inputs(prepared(inputs), forward)
    with untouched():
        torch.set_default_dtype(dtype)
        probes = list(networks(model, make, states, wanted, device, dtype))
        mode = batch_norm or default_mode([twin for _, _, twin in probes])
        mode = None if default_mode([twin for _, _, twin in probes]) is None else mode
        place = torch.device(device) if device is not None else device_of(probes[0][2])
        values = values.on(place, dtype)
        precision = precision_of(model if model is not None else probes[0][2], dtype, given=model is not None)
        found = [Probe(twin, values, seed, mode, batch, layout, fine, precision) for _, seed, twin in probes]
        parts = [
            probe.rows(lenses).assign(state=state, seed=seed)
            for probe, (state, seed, _) in zip(found, probes, strict=True)
        ]
    table = pd.concat(parts, ignore_index=True)
    table["batch_norm"] = mode
    table = table[list(COLUMNS)]
    for name in ("name", "kind", "shape", "quantity"):
        table[name] = table[name].astype("category")
    table.attrs = attributes(probes, found, mode, lenses, batch, dtype)
    fewest = table.attrs["fewest_rows"]
    if fewest is not None and fewest < FEWEST_ROWS:
        warnings.warn(
            f"batch normalisation ({mode}) takes its statistics from {fewest} rows: below {FEWEST_ROWS} they follow the"
            " noise of the batch; give more images",
            stacklevel=2,
        )
    return table


def check_arguments(
    model: nn.Module | None, build: Any, seeds: int | Sequence[int], lenses: Sequence[str], batch: int, mode: str | None
) -> None:
    """Refuse arguments that contradict each other."""
    if (model is None) == (build is None):
        raise ProbeError("give either a model or build=, a function that makes one")
    count = seeds if isinstance(seeds, int) else len(seeds)
    if count < 1:
        raise ProbeError(f"seeds = {seeds}: at least one realisation is needed")
    if count > 1 and build is None:
        raise ProbeError(f"seeds = {seeds}: several initialisations need build=, a function that makes a network")
    unknown = set(lenses) - set(LENSES)
    if unknown or not lenses:
        raise ProbeError(f"lenses = {tuple(lenses)}: must be some of {', '.join(LENSES)}")
    if batch < 2:
        raise ProbeError(f"batch = {batch}: at least 2 images are needed")
    check_mode(mode)


def networks(
    model: nn.Module | None,
    build: Callable[[], nn.Module] | None,
    states: Any,
    seeds: Iterable[int],
    device: torch.device | str | None,
    dtype: torch.dtype,
) -> Iterable[tuple[Any, int, nn.Module]]:
    """State, seed and a copy of every network that is probed."""
    named = states.items() if isinstance(states, Mapping) else enumerate([None] if states is None else states)
    for state, content in named:
        for seed in seeds:
            given = built(build, seed) if build is not None else model
            given = checked_model(given)
            twin = copied(given, device_of(given) if device is None else torch.device(device), dtype)
            if content is not None:
                load_state(twin, content, state)
            yield state, seed, twin


def built(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network from ``build``, which draws from torch's, NumPy's and Python's generators."""
    dtype = torch.get_default_dtype()
    key = stream_key(seed, "probe", "initialisation")
    torch.manual_seed(key)
    np.random.seed(key % 2**32)  # noqa: NPY002
    random.seed(key)
    torch.set_default_dtype(torch.float32)
    try:
        return build()
    finally:
        torch.set_default_dtype(dtype)


def load_state(twin: nn.Module, content: Any, name: Any) -> None:
    """Load a state dict, or a file of one."""
    try:
        if isinstance(content, str | PathLike):
            content = torch.load(content, map_location="cpu", weights_only=True)
        twin.load_state_dict(content)
    except Exception as error:
        raise ProbeError(f"state {name!r} does not fit the model: {first_line(error)}") from error


def device_of(model: nn.Module) -> torch.device:
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def precision_of(model: nn.Module, dtype: torch.dtype, given: bool) -> torch.dtype:
    """The float type that the network itself works in."""
    own = next((parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), dtype)
    return own if given else torch.float32


def normalised_noise(seed: int, name: str, shape: Sequence[int]) -> Tensor:
    """Gaussian noise of mean square one, on the CPU in float64."""
    noise = torch.randn(*shape, generator=torch_stream(seed, "probe", name), dtype=torch.float64)
    return noise / noise.square().mean().sqrt()


class Probe:
    """One network in one state.

    Parameters
    ----------
    twin
        A copy of the network that may be used up.
    inputs
        All inputs, on the device and in the precision of the copy.
    precision
        The float type that the network itself works in: what it cannot tell apart is the same.
    """

    def __init__(
        self,
        twin: nn.Module,
        inputs: Inputs,
        seed: int,
        mode: Mode | None,
        batch: int,
        layout: str | Mapping[str, str] | None,
        fine: bool,
        precision: torch.dtype,
    ):
        self.network, self.seed, self.precision = Network(twin), seed, precision
        self.mode: Mode | None = mode
        for tensor in tensors(inputs.values):
            if tensor.is_floating_point():
                require_finite(tensor, "the input")
        self.structure: Structure = find_structure(self.network, inputs, layout, fine)
        self.all_inputs, self.batch = inputs, batch
        self.available = inputs.images(self.structure.axis)
        self.inputs = inputs.select(slice(0, batch), self.structure.axis)
        self.source = self.network.source(self.inputs)
        self.results: list[Quantities] = [{} for _ in self.structure.blocks]
        self.method: Method | None = None
        self.fewest_rows: int | None = None

    def rows(self, lenses: Sequence[str]) -> pd.DataFrame:
        """The table of this network, without state and seed."""
        if "noise" in lenses:
            self.measure_noise()
        if "gradient" in lenses:
            self.measure_gradient()
        if "cascade" in lenses:
            self.measure_cascade()
        rows = [
            {
                "block": index,
                "name": block.name,
                "kind": block.kind,
                "shape": block.shape,
                "parameters": block.parameters,
                "multiply_adds": block.multiply_adds,
                "quantity": quantity,
                "value": value,
            }
            for index, (block, quantities) in enumerate(zip(self.structure.blocks, self.results, strict=True))
            for quantity, value in quantities.items()
        ]
        return pd.DataFrame(rows)

    def require_reached(self, indices: Collection[int]) -> None:
        """Refuse a network that went another way than when its blocks were found.

        Raises
        ------
        ProbeError
            Naming the first block that was not reached.
        """
        missed = set(range(len(self.structure.blocks))) - set(indices)
        if missed:
            block = min(missed)
            raise ProbeError(
                f"block {block} ({self.structure.blocks[block].name}) is not reached by these inputs, as it was by the"
                " first of them: the model branches"
            )

    def input_noise(self) -> Tensor:
        """Noise at the source, the same whatever the layout."""
        layout = self.structure.blocks[0].layout
        shape = layout.canonical(self.source).shape
        noise = normalised_noise(self.seed, "noise", shape).to(self.source)
        return layout.restored(noise, self.source).contiguous()

    def cotangent(self, output: Tensor) -> Tensor:
        """A random gradient at the output, the same whatever the layout."""
        last = self.structure.blocks[-1].layout
        if last.canonical(output).shape[0] != len(self.inputs.first.movedim(self.structure.axis, 0)):
            return normalised_noise(self.seed, "cotangent", output.shape).to(output)
        noise = normalised_noise(self.seed, "cotangent", last.canonical(output).shape).to(output)
        return last.restored(noise, output).contiguous()

    def measure_noise(self, noise: Tensor | None = None, method: Method | None = None) -> None:
        """Moments of signal and noise, and dead units."""
        activations = {
            key: (index, layout)
            for index, block in enumerate(self.structure.blocks)
            for key, layout in block.activations
        }
        dead: dict[tuple[str, int], tuple[int, int, int]] = {}
        at_source: list[Tensor] = []

        def hear(call: Call, output: Any) -> None:
            if call.key in activations:
                index, layout = activations[call.key]
                value = torch.autograd.forward_ad.unpack_dual(floating(output).detach()).primal
                if not layout.fits(value):
                    return
                dead[call.key] = (index, *dead_units([layout.canonical(value)], self.precision))

        def visit(index: int, signal: Tensor, tangent: Tensor, log_scale: float) -> None:
            block = self.structure.blocks[index]
            signal = block.layout.canonical(signal)
            result = signal_quantities(signal) | noise_quantities(block.layout.canonical(tangent), log_scale)
            alike = similarities(signal)
            if not index:
                at_source[:] = [alike]
            kept = kept_similarity(at_source[0], alike)
            result["kept_similarity"], result["kept_similarity_error"] = kept
            if index and not block.activations:
                units, count = dead_units([signal], self.precision)
                result["dead_units"] = units / count
            self.results[index].update(result)

        noise = self.input_noise() if noise is None else noise
        self.method, self.fewest_rows = propagate(
            self.network, self.structure, self.inputs, self.mode, self.source, noise, visit, hear, method
        )
        self.require_reached([index for index, result in enumerate(self.results) if "log_mu2_signal" in result])
        for index in {entry[0] for entry in dead.values()}:
            entries = [entry for entry in dead.values() if entry[0] == index]
            self.results[index]["dead_units"] = sum(e[1] for e in entries) / sum(e[2] for e in entries)
        self.add_sensitivities()

    def add_sensitivities(self) -> None:
        """χ relative to the input, and its increments."""
        at_input = self.results[0]["log_mu2_signal"]
        before = NOTHING
        for result in self.results:
            result["log_chi"] = (result["log_mu2_noise"] - result["log_mu2_signal"] + at_input) / 2
            increment = result["log_chi"] - before
            result["delta_chi"] = math.exp(increment) if abs(increment) < 700 else NOTHING
            before = result["log_chi"]

    def measure_gradient(self) -> None:
        def visit(index: int, gradient: Tensor, log_scale: float) -> None:
            canonical = self.structure.blocks[index].layout.canonical(gradient)
            self.results[index]["log_gradient"] = log_gradient(canonical, log_scale)

        for result in self.results:
            result["log_gradient"] = NOTHING
        back_propagate(self.network, self.structure, self.inputs, self.mode, self.source, self.cotangent, visit)

    def measure_cascade(self) -> None:
        """R² and entropy of reconstructions; nothing where there are too few images."""
        blocks = self.structure.blocks
        count = images_to_use(blocks, self.available, self.batch)
        if count < FEWEST_IMAGES:
            return
        inputs = self.all_inputs.select(slice(0, count), self.structure.axis)
        for result, found in zip(self.results, cascade_quantities(blocks, self.activations(inputs)), strict=True):
            result.update(found)

    @torch.no_grad()
    def activations(self, inputs: Inputs) -> list[Tensor]:
        """Outputs of all blocks, the source first: (images, features, positions …)."""
        source = self.network.source(inputs)
        kept = {0: self.structure.blocks[0].layout.canonical(source).clone()}

        def listener(call: Call, output: Any) -> None:
            index = self.structure.ends.get(call.key)
            if index is not None:
                value = floating(output)
                require_finite(value, f"block {index} ({self.structure.blocks[index].name})")
                kept[index] = self.structure.blocks[index].layout.canonical(value).clone()

        checked_output(self.network.run(inputs, source, Conditions(self.mode), listener))
        self.require_reached(kept)
        return [kept[index] for index in range(len(self.structure.blocks))]


def digest(model: nn.Module) -> str:
    """SHA-256 over the names, shapes and values of parameters and buffers."""
    sha = hashlib.sha256(type(model).__name__.encode())
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, Tensor):
            sha.update(f"{name}{tuple(tensor.shape)}".encode())
            sha.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def attributes(
    probes: Sequence[tuple[Any, int, nn.Module]],
    found: Sequence[Probe],
    mode: Mode | None,
    lenses: Sequence[str],
    batch: int,
    dtype: torch.dtype,
) -> dict[str, Any]:
    """What a table of probes says of its making."""
    rows = [probe.fewest_rows for probe in found if probe.fewest_rows is not None]
    first = found[0]
    return {
        "model": {f"{state}/{seed}": digest(twin) for state, seed, twin in probes},
        "class": type(probes[0][2]).__name__,
        "parameters": sum(parameter.numel() for parameter in probes[0][2].parameters()),
        "unused_parameters": first.structure.unused_parameters,
        "head": first.structure.head,
        "batch_norm": mode,
        "fewest_rows": min(rows, default=None),
        "images": min(batch, first.available),
        "precision": str(first.precision).removeprefix("torch."),
        "dtype": str(dtype).removeprefix("torch."),
        "method": sorted({probe.method for probe in found if probe.method is not None}),
        "lenses": list(lenses),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
