"""From module calls to blocks: the pieces between bottlenecks, joined so that each block holds weights.

A module call is a bottleneck if every path from the source to the output passes through what it made. The chain of
bottlenecks is cut before each piece that holds weights; normalisation and activation join the piece before them.
Pooling and flattening are blocks of their own. A class that the network repeats is one block, and a stretch with sums
outside any module is one as well: its name says from where to where.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from .graph import Edge, Paths, parameters_used
from .layouts import RESAMPLINGS

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


@dataclass(frozen=True)
class Record:
    """One call of a module in the pass that finds the structure.

    Attributes
    ----------
    number, first, name, key, module
        See :class:`nnstatmech.probe.calls.Call`.
    before
        The results among its positional arguments.
    after
        The result that it gave, None where it does not depend on the source.
    value
        A copy of it; empty where there is none.
    multiply_adds
        Multiplications, with their additions, since the beginning of the pass.
    """

    number: int
    first: int
    name: str
    key: tuple[str, int]
    module: nn.Module
    before: tuple[Edge, ...]
    after: Edge | None
    value: Tensor
    multiply_adds: int

    @property
    def result(self) -> Edge:
        """What it gave, where that depends on the source."""
        if self.after is None:
            raise ValueError(f"what {self.name!r} gave does not depend on the source")
        return self.after

    def holds(self, other: "Record") -> bool:
        """Whether ``other`` was called inside this call."""
        return self.first <= other.number < self.number


def is_normalisation(module: nn.Module) -> bool:
    return isinstance(module, NORMALISATIONS) or "norm" in type(module).__name__.lower()


def is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == "torch.nn.modules.activation" and not isinstance(module, nn.MultiheadAttention)


def is_resampling(module: nn.Module) -> bool:
    name = type(module).__name__.lower()
    return isinstance(module, RESAMPLINGS) or any(word in name for word in ("pool", "flatten", "upsample"))


def has_own_weights(module: nn.Module) -> bool:
    """Whether the module itself, not a child, holds parameters other than those of a normalisation or activation."""
    own = next(module.parameters(recurse=False), None) is not None or hasattr(module, "parametrizations")
    return own and not is_normalisation(module) and not is_activation(module)


def class_name(module: nn.Module) -> str:
    """Name of the module's class, below parametrisations."""
    kind = type(module)
    return (kind.__bases__[0] if hasattr(module, "parametrizations") else kind).__name__


def weight_holders(records: Sequence[Record]) -> list[Record]:
    """Calls of modules with weights of their own that hold no other such call."""
    found = [record for record in records if has_own_weights(record.module) and record.name]
    return [record for record in found if not any(record.holds(other) for other in found)]


@dataclass
class Piece:
    """What lies between two bottlenecks that follow each other."""

    end: Record
    inside: Sequence[Record]
    parameters: int
    multiply_adds: int
    branching: bool
    unit: bool

    @property
    def weights(self) -> list[Record]:
        return weight_holders(self.inside)

    @property
    def weighted(self) -> bool:
        shifts_only = is_normalisation(self.end.module) or is_activation(self.end.module)
        return self.multiply_adds > 0 or (self.parameters > 0 and not shifts_only)

    @property
    def label(self) -> tuple[str, str]:
        """Name and kind: those of the call that spans the piece, or from where to where it goes."""
        spanned = all(record is self.end or self.end.holds(record) for record in self.weights)
        if self.end.name and spanned:
            return self.end.name, class_name(self.end.module)
        named = [record for record in self.inside if record.name]
        if len(self.weights) == 1 and not self.branching:
            return self.weights[0].name, class_name(self.weights[0].module)
        if not named:
            whole = class_name(self.end.module)
            return (whole, whole) if not list(self.end.module.children()) else ("output", "stretch")
        first, last = named[0].name, named[-1].name
        return (f"{first} to {last}" if first != last else first), "stretch"


@dataclass
class Chain:
    """Pieces that make one block."""

    pieces: list[Piece] = field(default_factory=list)

    @property
    def label(self) -> tuple[str, str]:
        return self.pieces[0].label

    @property
    def end(self) -> Record:
        return self.pieces[-1].end

    @property
    def inside(self) -> list[Record]:
        return [record for piece in self.pieces for record in piece.inside]

    @property
    def parameters(self) -> int:
        return sum(piece.parameters for piece in self.pieces)

    @property
    def multiply_adds(self) -> int:
        return sum(piece.multiply_adds for piece in self.pieces)

    @property
    def weighted(self) -> bool:
        return any(piece.weighted for piece in self.pieces)

    def takes(self, piece: Piece) -> bool:
        """Whether a piece joins this block."""
        if piece.weighted or is_resampling(piece.end.module):
            return False
        # What normalises the sum of a residual or attention block is not part of it: it hides the block's own size.
        return not (is_normalisation(piece.end.module) and self.pieces[-1].branching)


def bottlenecks(records: Sequence[Record], paths: Paths) -> list[Record]:
    """The calls that made a result which all paths pass through, in order, each result once.

    A call that hands on its input, as Identity and dropout do, has made nothing.
    """
    made: dict[Edge, Record] = {}
    for record in records:
        edge = record.after
        if (
            edge is not None
            and edge not in made
            and edge != paths.source
            and paths.is_bottleneck(edge)
            and edge not in record.before
        ):
            made[edge] = record
    return sorted(made.values(), key=lambda record: record.number)


def repeated_units(records: Sequence[Record], ends: Sequence[Record], paths: Paths) -> list[Record]:
    """Calls from bottleneck to bottleneck of classes that the network repeats; where they are nested, of one class.

    The class with more calls is preferred, the outer one if they are as many.
    """
    results = {record.after for record in ends}

    def weighted(record: Record) -> list[Record]:
        # One layer in a wrapper is no unit of its own.
        return weight_holders([other for other in records if record.holds(other)])

    def spans(record: Record) -> bool:
        entering = {edge for edge in record.before if paths.reached(edge)}
        return len(entering) == 1 and paths.is_bottleneck(*entering)

    compound = [
        record
        for record in records
        if record.first < record.number
        and record.name
        and type(record.module) not in CONTAINERS
        and not hasattr(record.module, "parametrizations")
        and record.after in results
        and len(weighted(record)) > 1
        and spans(record)
    ]
    count = Counter(type(record.module) for record in compound)
    units = [record for record in compound if count[type(record.module)] > 1]
    finest = [
        unit
        for unit in units
        if not any(unit.holds(other) and count[type(other.module)] > count[type(unit.module)] for other in units)
    ]
    return [unit for unit in finest if not any(other.holds(unit) for other in finest)]


def unique_sizes(leaves: Sequence[Tensor]) -> int:
    return sum(leaf.numel() for leaf in {id(leaf): leaf for leaf in leaves}.values())


def pieces_between(
    records: Sequence[Record], ends: Sequence[Record], units: Sequence[Record], paths: Paths, images: int
) -> list[Piece]:
    """The pieces that end at ``ends``, which hold the units; parameters are counted where they first appear."""
    edges = [record.result for record in ends]
    leaves = parameters_used(paths.source, edges)
    pieces, last, start = [], -1, paths.source
    counted: set[int] = set()
    work = 0
    for end, used in zip(ends, leaves, strict=True):
        new = [leaf for leaf in used if id(leaf) not in counted]
        counted.update(map(id, new))
        pieces.append(
            Piece(
                end=end,
                inside=[
                    record
                    for record in records
                    if last < record.number <= end.number
                    and paths.reached(record.after)
                    and record.after != paths.source
                ],
                parameters=unique_sizes(new),
                multiply_adds=(end.multiply_adds - work) // images,
                branching=paths.between(start, end.result) > 1,
                unit=end in units,
            )
        )
        last, start, work = end.number, end.result, end.multiply_adds
    return pieces


def chains(records: Sequence[Record], paths: Paths, images: int, fine: bool = False) -> list[Chain]:
    """The blocks of a network, first block first.

    Parameters
    ----------
    records
        All calls of the pass, in order.
    images
        Number of images in the pass, by which multiply-adds are divided.
    fine
        Every bottleneck ends a block.
    """
    ends = bottlenecks(records, paths)
    units = [] if fine else repeated_units(records, ends, paths)
    kept = []
    for end in ends:
        unit = next((unit for unit in units if unit is end or unit.holds(end)), None)
        if unit is None:
            kept.append(end)
        elif unit.after == end.after:
            kept.append(unit)
    result: list[Chain] = []
    for piece in pieces_between(records, kept, units, paths, images):
        if fine or not result or not result[-1].takes(piece):
            result.append(Chain())
        result[-1].pieces.append(piece)
    return result


def reach(records: Sequence[Record]) -> tuple[int, bool]:
    """Side of the window of its output that a block's convolutions spread an input position over; whether they stride.

    Sums the sizes of all kernels, as along one path.
    """
    convolutions = [record.module for record in records if isinstance(record.module, _ConvNd)]
    side = 1 + sum((layer.kernel_size[0] - 1) * layer.dilation[0] for layer in convolutions)
    return side, any(max(layer.stride) > 1 for layer in convolutions)
