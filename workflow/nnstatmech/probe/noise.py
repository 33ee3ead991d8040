"""Signal and noise from block to block: forward-mode differentiation, and two ways where an operator lacks it.

* **forward**: one pass with dual numbers.
* **double_backward**: the tangent J v of every block at once, as the derivative of u -> Jᵀu, which is linear.
* **differences**: central differences that start anew at every bottleneck; three copies of the batch in one pass.

At a bottleneck the noise may be multiplied by a number, exactly: nothing overflows on the way.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor

from .batch_norm import Conditions, Mode
from .calls import Call
from .checks import ProbeError, first_line, require_finite
from .network import Inputs, Network
from .structure import Structure
from .trees import first_floating, floating, replaced

Method = Literal["forward", "double_backward", "differences"]
METHODS: tuple[Method, ...] = ("forward", "double_backward", "differences")
STEP = {torch.float64: 1e-7, torch.float32: 1e-3}  # of differences, relative to the signal
# The noise is rescaled where its largest element leaves this range.
RANGE = {torch.float64: (1e-100, 1e100), torch.float32: (1e-12, 1e12)}

# (index of the block, signal, noise, logarithm of what the noise was divided by), tensors as the model has them
Visit = Callable[[int, Tensor, Tensor, float], None]
Hear = Callable[[Call, Any], None]


def rescaling(noise: Tensor) -> float:
    """The power of two that brings the noise back into range; 1 where it is in range or zero."""
    largest = float(noise.abs().max())
    low, high = RANGE.get(noise.dtype, RANGE[torch.float32])
    if largest == 0 or low < largest < high or not math.isfinite(largest):
        return 1.0
    return 2.0 ** -math.floor(math.log2(largest))


class Pass:
    """What all three ways share: the network, its blocks and who is told.

    Parameters
    ----------
    visit
        Told the signal and noise at every block's end, in order.
    hear
        Told every call of a module with its output, before a block's end is.
    """

    def __init__(
        self,
        network: Network,
        structure: Structure,
        inputs: Inputs,
        mode: Mode | None,
        visit: Visit,
        hear: Hear = lambda call, output: None,
    ):
        self.network, self.structure, self.inputs = network, structure, inputs
        self.mode: Mode | None = mode
        self.visit, self.hear = visit, hear
        self.fewest_rows: int | None = None

    def block_at(self, call: Call) -> int | None:
        """Index of the block that ends with a call."""
        return self.structure.ends.get(call.key)

    def value(self, index: int, output: Any) -> Tensor:
        """The tensor of a block's end, checked."""
        block = self.structure.blocks[index]
        tensor = first_floating(output)
        if tensor is None or tensor.dim() <= block.layout.batch:
            raise ProbeError(f"block {index} ({block.name}) is another one than in the first pass: the model branches")
        require_finite(tensor.detach(), f"block {index} ({block.name}, {block.kind})")
        return tensor

    def forward(self, source: Tensor, noise: Tensor) -> None:
        """Dual numbers."""
        log_scale = 0.0
        conditions = Conditions(self.mode)

        def listener(call: Call, output: Any) -> Any:
            nonlocal log_scale
            self.hear(call, output)
            index = self.block_at(call)
            if index is None:
                return None
            dual = self.value(index, output)
            signal, tangent = forward_ad.unpack_dual(dual)
            tangent = torch.zeros_like(signal) if tangent is None else tangent
            require_finite(tangent, f"the noise at block {index} ({self.structure.blocks[index].name})")
            self.visit(index, signal, tangent, log_scale)
            factor = rescaling(tangent)
            if factor == 1:
                return None
            log_scale -= math.log(factor)
            return replaced(output, dual, forward_ad.make_dual(signal.clone(), tangent * factor))

        with torch.no_grad(), forward_ad.dual_level():
            self.visit(0, source, noise, 0.0)
            self.network.run(self.inputs, forward_ad.make_dual(source, noise), conditions, listener)
        self.fewest_rows = conditions.fewest_rows

    def double_backward(self, source: Tensor, noise: Tensor) -> None:
        """The transpose of the transpose."""
        ends: dict[int, Tensor] = {}
        conditions = Conditions(self.mode)

        def listener(call: Call, output: Any) -> None:
            self.hear(call, output)
            index = self.block_at(call)
            if index is not None:
                # A copy keeps what the model may change in place.
                ends[index] = self.value(index, output).clone()

        leaf = source.clone().requires_grad_()
        with torch.enable_grad():
            self.network.run(self.inputs, leaf, conditions, listener)
            dummies = [torch.zeros_like(value, requires_grad=True) for value in ends.values()]
            (transposed,) = torch.autograd.grad(list(ends.values()), leaf, dummies, create_graph=True)
            tangents = torch.autograd.grad(transposed, dummies, noise, retain_graph=True)
            self.check_duality(list(ends.values()), leaf, noise, tangents)
        self.visit(0, source, noise, 0.0)
        for (index, value), tangent in zip(ends.items(), tangents, strict=True):
            self.visit(index, value.detach(), tangent, 0.0)
        self.fewest_rows = conditions.fewest_rows

    @staticmethod
    def check_duality(values: list[Tensor], leaf: Tensor, noise: Tensor, tangents: tuple[Tensor, ...]) -> None:
        """Refuse tangents that an operator which can be differentiated only once has left incomplete, silently."""
        generator = torch.Generator().manual_seed(0)
        weights = []
        for tangent in tangents:
            weight = torch.randn(tangent.shape, generator=generator, dtype=torch.float64).to(tangent)
            weights.append(weight / (weight.norm() * (tangent.norm() or 1.0)))
        (transposed,) = torch.autograd.grad(values, leaf, weights)
        found = float((transposed * noise).sum())
        expected = sum(float((weight * tangent).sum()) for weight, tangent in zip(weights, tangents, strict=True))
        if abs(found - expected) > torch.finfo(leaf.dtype).eps ** 0.5 * len(values):
            raise RuntimeError("an operator cannot be differentiated twice")

    def differences(self, source: Tensor, noise: Tensor) -> None:
        """Central differences from bottleneck to bottleneck."""
        layout = self.structure.blocks[0].layout
        images = self.inputs.images(self.structure.axis)
        tripled = self.inputs.select(torch.arange(images).repeat(3), self.structure.axis)
        log_scale = 0.0
        step = step_for(source, noise)
        conditions = Conditions(self.mode, parts=3)

        def listener(call: Call, output: Any) -> Any:
            nonlocal log_scale, step
            self.hear(call, output)
            index = self.block_at(call)
            if index is None:
                return None
            stacked = self.value(index, output)
            layout = self.structure.blocks[index].layout
            signal, above, below = layout.canonical(stacked).chunk(3)
            tangent = (above - below) / (2 * step)
            factor = rescaling(tangent)
            self.visit(index, layout.restored(signal, stacked), layout.restored(tangent, stacked), log_scale)
            tangent = tangent * factor
            log_scale -= math.log(factor)
            step = step_for(signal, tangent)
            moved = torch.cat([signal, signal + step * tangent, signal - step * tangent])
            return replaced(output, floating(output), layout.restored(moved, stacked).contiguous())

        first = layout.canonical(source), layout.canonical(noise)
        moved = torch.cat([first[0], first[0] + step * first[1], first[0] - step * first[1]])
        with torch.no_grad():
            self.visit(0, source, noise, 0.0)
            self.network.run(tripled, layout.restored(moved, source).contiguous(), conditions, listener)
        self.fewest_rows = conditions.fewest_rows


def step_for(signal: Tensor, noise: Tensor) -> float:
    """The step at which the noise is a small part of the signal (root mean squares)."""
    size, amount = float(signal.double().square().mean().sqrt()), float(noise.double().square().mean().sqrt())
    return STEP.get(signal.dtype, STEP[torch.float32]) * (size or 1.0) / (amount or 1.0)


def propagate(
    network: Network,
    structure: Structure,
    inputs: Inputs,
    mode: Mode | None,
    source: Tensor,
    noise: Tensor,
    visit: Visit,
    hear: Hear = lambda call, output: None,
    method: Method | None = None,
) -> tuple[Method, int | None]:
    """Propagate signal and noise and visit every block's end; again from the first one where a method fails.

    Parameters
    ----------
    source, noise
        Signal and noise at the source.
    method
        One of :data:`METHODS`; None takes the first that works.

    Returns
    -------
    The method that was used, and the smallest number of rows behind a batch's statistics.

    Raises
    ------
    ProbeError
        If a value is not finite, or no method works.
    """
    failures = []
    for name in METHODS if method is None else (method,):
        run = Pass(network, structure, inputs, mode, visit, hear)
        try:
            getattr(run, name)(source, noise)
        except ProbeError:
            raise
        except (RuntimeError, NotImplementedError) as error:
            failures.append(f"{name}: {first_line(error)}")
            continue
        return name, run.fewest_rows
    raise ProbeError(f"noise cannot be propagated through the model ({'; '.join(failures)})")
