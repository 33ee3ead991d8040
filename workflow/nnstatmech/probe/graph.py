"""Which intermediate results all paths from the source to the output pass through, read from the autograd graph."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

# A result: the node of the graph that made it, and which of the node's outputs it is.
Edge = tuple[Any, int]


def edge_of(tensor: Tensor) -> Edge | None:
    """The result that ``tensor`` is now; None where nothing leads from the source to it."""
    return None if tensor.grad_fn is None else (tensor.grad_fn, tensor.output_nr)


class Paths:
    """Numbers of paths from one result to another.

    Counts are exact integers: they have as many digits as the network has branchings in a row.

    Parameters
    ----------
    source, output
        Results; the source is made by a node of its own.

    Attributes
    ----------
    total
        Number of paths from the source to the output; 0 where the output does not depend on the source.
    """

    def __init__(self, source: Edge, output: Edge):
        self.source, self.output = source, output
        order = topological(output[0], source[0])
        self.up: dict[Any, int] = {source[0]: 1}
        for node in order:
            if node is not source[0]:
                self.up[node] = sum(self.up.get(made_by, 0) for made_by, _ in node.next_functions)
        self.total = self.up.get(output[0], 0)
        self.down: dict[Edge, int] = {output: 1}
        leaving: dict[Any, int] = {output[0]: 1}
        for node in reversed(order):
            count = leaving.get(node, 0)
            if count == 0 or node is source[0]:
                continue
            for edge in node.next_functions:
                if edge[0] is not None and self.up.get(edge[0], 0):
                    self.down[edge] = self.down.get(edge, 0) + count
                    leaving[edge[0]] = leaving.get(edge[0], 0) + count

    def reached(self, edge: Edge | None) -> bool:
        """Whether the result depends on the source."""
        return edge is not None and self.up.get(edge[0], 0) > 0

    def is_bottleneck(self, edge: Edge | None) -> bool:
        """Whether all paths from the source to the output pass through the result."""
        return edge is not None and self.up.get(edge[0], 0) * self.down.get(edge, 0) == self.total > 0

    def between(self, start: Edge, end: Edge) -> int:
        """Number of paths between two bottlenecks."""
        return self.up[end[0]] // self.up[start[0]]


def topological(end: Any, start: Any) -> list[Any]:
    """The nodes from which ``end`` is computed, each after those that it is computed from; not beyond ``start``."""
    order, seen, waiting = [], set(), [(end, False)]
    while waiting:
        node, finished = waiting.pop()
        if finished:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            if node is not start:
                waiting.extend((before, False) for before, _ in node.next_functions if before is not None)
    return order


def parameters_used(source: Edge, results: Sequence[Edge]) -> list[list[Tensor]]:
    """The leaves that each result is computed from and no earlier one, in the order of ``results``."""
    seen = {source[0]}
    found = []
    for node, _ in results:
        leaves, waiting = [], [node]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if hasattr(node, "variable"):
                leaves.append(node.variable)
            waiting.extend(before for before, _ in node.next_functions if before is not None)
        found.append(leaves)
    return found
