"""What a network consists of: found once, from one pass with a graph and one with another image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from .batch_norm import Conditions
from .blocks import Chain, Record, chains, is_activation, reach
from .calls import Call
from .checks import ProbeError
from .graph import Edge, Paths, edge_of
from .layouts import Layout, batch_axis, feature_candidates, from_letters, kind_axis, own_feature_axis, shape_text
from .network import Inputs, Network, checked_output, explained
from .trees import first_floating, floating, mapped, replaced, tensors

IMAGES = 3  # that show which axis counts images
CHANGED = 1  # the one that is exchanged
UNBOUNDED = (-float("inf"), float("inf"))


@dataclass(frozen=True)
class Block:
    """One block of a network; block 0 is the source.

    Attributes
    ----------
    call
        Key of the call whose result is the block's output; None for the source.
    name, kind
        Of the module, or from where to where; class of the module, or ``stretch``.
    shape
        Features and positions of the output for one image: ``64x8x8``.
    parameters
        Numbers trained in it; each of the model's is counted in the first block that uses it, or at the source.
    multiply_adds
        For one image.
    layout
        Axes of the output.
    activations
        Key and layout of the calls of activation functions in it.
    bounds
        Smallest and largest value that the output can take, where it ends in an activation function.
    window, strides
        Side of the window of the output that an input position is spread over, and whether a convolution strides.
    weighted
        Whether it holds weights.
    """

    call: tuple[str, int] | None
    name: str
    kind: str
    shape: str
    parameters: int
    multiply_adds: int
    layout: Layout
    activations: tuple[tuple[tuple[str, int], Layout], ...]
    bounds: tuple[float, float]
    window: int
    strides: bool
    weighted: bool


@dataclass(frozen=True)
class Structure:
    """The blocks of a network, block 0 the source, and the axis of the inputs that counts images."""

    blocks: tuple[Block, ...]
    axis: int
    unused_parameters: int

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """Key of a call to the index of the block that it ends."""
        return {block.call: index for index, block in enumerate(self.blocks) if block.call is not None}

    @property
    def head(self) -> int:
        """Index of the last block that holds weights; 0 if none does."""
        return max((index for index, block in enumerate(self.blocks) if block.weighted), default=0)


class MultiplyAdds(TorchDispatchMode):
    """Counts the multiply-adds of matrix products and convolutions."""

    total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = function(*args, **(kwargs or {}))
        count = flop_registry.get(function._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result) // 2
        return result


def edges_of(arguments: Any) -> tuple[Edge, ...]:
    found = (edge_of(tensor) for tensor in tensors(arguments))
    return tuple(edge for edge in found if edge is not None)


def exchanged(source: Tensor, axis: int) -> Tensor:
    """The source with another image in place of one: a mixture with its neighbour, turned around."""
    result = source.clone()
    image, other = source.select(axis, CHANGED), source.select(axis, 0)
    mixture = 0.6 * image + 0.4 * other.flip(tuple(range(other.dim())))
    if torch.equal(mixture, image):
        mixture = image * 0.9 + 0.1 * torch.linspace(-1, 1, image.numel()).to(image).view(image.shape)
    result.select(axis, CHANGED).copy_(mixture)
    return result


class Finder:
    """Finds blocks and layouts of a network for inputs whose images are counted by ``axis``."""

    def __init__(self, network: Network, inputs: Inputs, axis: int, layout: str | Mapping[str, str] | None):
        self.network, self.axis, self.layout = network, axis, layout
        self.images = min(IMAGES, inputs.images(axis))
        self.inputs = inputs.select(slice(0, self.images), axis)
        self.source = network.source(self.inputs)
        self.conditions = Conditions("held")
        self.records: list[Record] = []
        self.others: dict[tuple[str, int], Tensor] = {}

    def record(self) -> None:
        """One pass with a graph: every call, what it made and from what."""
        leaf = self.source.detach().clone().requires_grad_()
        counter = MultiplyAdds()

        def listener(call: Call, output: Any) -> None:
            value = first_floating(output)
            self.records.append(
                Record(
                    number=call.number,
                    first=call.first,
                    name=call.name,
                    key=call.key,
                    module=call.module,
                    before=call.before,
                    after=None if value is None else edge_of(value),
                    value=torch.empty(0) if value is None else value.detach().clone(),
                    multiply_adds=counter.total,
                )
            )

        parameters = list(self.network.model.parameters())
        for parameter in parameters:
            parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
        try:
            with torch.enable_grad(), explained(self.inputs.first.shape, self.source.dtype):
                output = self.network.run(self.inputs, leaf, self.conditions, listener, edges_of, around=counter)
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False)
        self.output = mapped(output, lambda tensor: tensor.detach().clone())
        self.start, end = self.network.start, edge_of(checked_output(output))
        paths = None if end is None or self.start is None else Paths(self.start, end)
        if paths is None or paths.total == 0:
            raise ProbeError(
                "the model's output cannot be differentiated by its input: a step such as argmax, detach, no_grad"
                " or a conversion cuts it off"
            )
        self.paths = paths

    def record_other(self) -> None:
        """One pass with another image, batch normalisation as before."""

        def listener(call: Call, output: Any) -> None:
            value = first_floating(output)
            if value is not None:
                self.others[call.key] = value.detach().clone()

        conditions = Conditions("held", replay=self.conditions.used)
        with torch.no_grad():
            output = self.network.run(self.inputs, exchanged(self.source, self.axis), conditions, listener)
        self.require_one_tensor(output)

    def require_one_tensor(self, output: Any) -> None:
        """Refuse an output of which another tensor than the first one knows of the image that was exchanged."""
        pairs = list(zip(tensors(self.output), tensors(output), strict=False))
        changed = [a.shape != b.shape or not torch.equal(a, b) for a, b in pairs if a.is_floating_point() and a.dim()]
        if changed and not changed[0] and any(changed):
            raise ProbeError(
                "the first floating-point tensor of the model's output knows nothing of some images, while others do,"
                " as in a list with an entry for each image: let the model give one tensor for all images, first of all"
            )

    def decides(self) -> bool:
        """Whether one image more or less changes one image of the output."""
        try:
            self.batch_of(self.records[-1])
        except ProbeError:
            return False
        return True

    def batch_of(self, record: Record) -> Layout | None:
        other = self.others.get(record.key)
        if other is None:
            raise ProbeError("undecided: the call does not happen with another image")
        return batch_axis(record.value, other, self.images, CHANGED)

    def stated(self, name: str, axes: int) -> Layout | None:
        """The layout that the user gives for a tensor of so many axes, or for a block by name."""
        letters = self.layout.get(name) if isinstance(self.layout, Mapping) else self.layout
        if letters is None or (isinstance(self.layout, str) and len(letters) != axes):
            return None
        return from_letters(letters, axes)

    def layout_of(self, record: Record, name: str) -> Layout:
        """The axes of what a call made.

        Raises
        ------
        ProbeError
            If they cannot be decided.
        """
        shape = tuple(record.value.shape)
        stated = self.stated(name, len(shape))
        if stated is not None:
            return stated
        try:
            found = self.batch_of(record)
        except ProbeError:
            raise ProbeError(
                f"layout of {name!r}, shape {shape}: no axis counts images, because exchanging one image changes others"
                " as well; give layout= (letters such as 'BCHW' or 'TBD', or a letter code for each block's name)"
            ) from None
        if found is None:
            # Nothing differs: a dead network. The batch stays where it was.
            found = Layout(0, None) if shape[0] == self.images or self.axis == 0 else Layout(self.axis, None)
        others = [axis for axis in range(len(shape)) if axis != found.batch]
        features = self.features_of(record, found, name) if len(others) > 1 else next(iter(others), None)
        return Layout(found.batch, features, found.merged, found.images_first)

    def features_of(self, record: Record, found: Layout, name: str) -> int:
        shape = tuple(record.value.shape)
        last = next(
            (
                other
                for other in reversed(self.records[: record.number + 1])
                if kind_axis(other.module) and self.paths.reached(other.after)
            ),
            None,
        )
        if last is None:
            raise ProbeError(
                f"layout of {name!r}, shape {shape}: no module of a known kind says which axis holds the features; give"
                " layout= (letters such as 'BCHW' or 'BTD')"
            )
        usual, fitting = feature_candidates(shape, found.batch, last.module, last.value)
        if len(fitting) == 1:
            return fitting[0]
        if not fitting or last is record or last.after == record.after:
            return usual
        return self.traced_feature(last, record, fitting, usual)

    def traced_feature(self, last: Record, record: Record, fitting: Sequence[int], usual: int) -> int:
        """The axis along which a change of one feature of ``last`` stays at one entry of ``record``."""
        axis = own_feature_axis(last.module, last.value)
        seen: list[Tensor] = []

        def listener(call: Call, output: Any) -> Any:
            if call.key == record.key:
                seen.append(floating(output).detach().clone())
            if call.key != last.key:
                return None
            value = floating(output)
            changed = value.clone()
            changed.select(axis, 0).add_(1 + changed.abs().mean())
            return replaced(output, value, changed)

        with torch.no_grad():
            conditions = Conditions("held", replay=self.conditions.used)
            self.network.run(self.inputs, self.source, conditions, listener)
        differs = seen[0] != record.value
        local = [a for a in fitting if differs.movedim(a, 0).flatten(1).any(1).sum() == 1]
        return local[0] if len(local) == 1 else usual

    def source_layout(self) -> Layout:
        """The axes of the source: its features are those of the first layer that takes it."""
        axes = self.source.dim()
        stated = self.stated("input", axes)
        if stated is not None:
            return stated
        others = [axis for axis in range(axes) if axis != self.axis]
        if len(others) <= 1:
            return Layout(self.axis, others[0] if others else None)
        if self.network.embedding is not None:
            return Layout(self.axis, others[-1])
        first = next(
            (record for record in self.records if kind_axis(record.module) and self.paths.reached(record.after)), None
        )
        if first is None or (kind_axis(first.module) == "last" and first.value.dim() != axes):
            return Layout(self.axis, None)
        return Layout(self.axis, others[-1] if kind_axis(first.module) == "last" else self.channel_axis(first, others))

    def channel_axis(self, first: Record, others: Sequence[int]) -> int:
        """The axis of the source with as many entries as the first convolution takes channels."""
        channels = getattr(first.module, "in_channels", None)
        fitting = [axis for axis in others if self.source.shape[axis] == channels]
        if self.start in first.before or len(fitting) != 1:
            return others[0]
        return fitting[0]

    def block(self, chain: Chain, name: str) -> Block:
        layout = self.layout_of(chain.end, name)
        inside = chain.inside
        window, strides = reach(inside)
        return Block(
            call=chain.end.key,
            name=name,
            kind=chain.label[1],
            shape=shape_text(tuple(layout.canonical(chain.end.value).shape)),
            parameters=chain.parameters,
            multiply_adds=chain.multiply_adds,
            layout=layout,
            activations=tuple(self.activations(inside)),
            bounds=bounds_of(self.maker(chain.end).module),
            window=window,
            strides=strides,
            weighted=chain.weighted,
        )

    def maker(self, end: Record) -> Record:
        """The innermost call that gave the same result."""
        return next(record for record in self.records if record.after == end.after and end.after not in record.before)

    def activations(self, inside: Sequence[Record]) -> list[tuple[tuple[str, int], Layout]]:
        found = []
        for record in inside:
            if is_activation(record.module) and self.paths.reached(record.after):
                try:
                    found.append((record.key, self.layout_of(record, record.name)))
                except ProbeError:
                    continue
        return found

    def structure(self, fine: bool) -> Structure:
        found = chains(self.records, self.paths, self.images, fine)
        if not found:
            raise ProbeError("the model gives back its input: there is no block to probe")
        names = numbered([chain.label[0] for chain in found])
        blocks = [self.block(chain, name) for chain, name in zip(found, names, strict=True)]
        total = sum(parameter.numel() for parameter in self.network.model.parameters())
        unused = total - sum(block.parameters for block in blocks)
        layout = self.source_layout()
        source = Block(
            call=None,
            name="input",
            kind="input" if self.network.embedding is None else "Embedding",
            shape=shape_text(tuple(layout.canonical(self.source).shape)),
            parameters=unused,
            multiply_adds=0,
            layout=layout,
            activations=(),
            bounds=UNBOUNDED,
            window=1,
            strides=False,
            weighted=False,
        )
        return Structure((source, *blocks), self.axis, unused)


def numbered(names: Sequence[str]) -> list[str]:
    """Names of calls: the second call of a shared module is ``name#2``."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result


def bounds_of(module: nn.Module) -> tuple[float, float]:
    """Range of the values of an activation function."""
    match module:
        case nn.Tanh() | nn.Softsign():
            return -1.0, 1.0
        case nn.Sigmoid() | nn.Hardsigmoid() | nn.Softmax():
            return 0.0, 1.0
        case nn.ReLU6():
            return 0.0, 6.0
        case nn.Hardtanh():
            return float(module.min_val), float(module.max_val)
        case nn.ReLU():
            return 0.0, float("inf")
    return UNBOUNDED


def find_structure(
    network: Network, inputs: Inputs, layout: str | Mapping[str, str] | None, fine: bool = False
) -> Structure:
    """Blocks and layouts of a network.

    Parameters
    ----------
    network, inputs
        The network and what it takes, on its device and in its precision.
    layout
        Letters for tensors with as many axes (``BCHW``, ``TBD``), or name of a block (``input``) to letters.
    fine
        Every bottleneck ends a block.

    Raises
    ------
    ProbeError
        If the model fails, its output cannot be differentiated, or a layout is undecidable.
    """
    letters = layout.get("input") if isinstance(layout, Mapping) else layout
    if letters is not None and len(letters) == inputs.first.dim():
        axes = [from_letters(letters, len(letters)).batch]
    else:
        axes = list(range(max(1, inputs.first.dim() - 1)))
    failures, undecided = [], set()
    for axis in axes:
        if inputs.images(axis) < 2:
            failures.append(ProbeError(f"axis {axis} of the input holds one image: at least 2 are needed"))
            continue
        finder = Finder(network, inputs, axis, layout)
        try:
            finder.record()
            finder.record_other()
        except ProbeError as error:
            failures.append(error)
            continue
        if finder.decides() or len(axes) == 1:
            return finder.structure(fine)
        undecided.add(axis)
    if failures and 0 not in undecided:
        raise failures[0]
    raise ProbeError(
        f"no axis of the input, shape {tuple(inputs.first.shape)}, counts images: whichever entry is exchanged, the"
        " output of others changes as well (a layer may mix images); give layout= (letters such as 'BCHW' or 'TBD')"
    )
