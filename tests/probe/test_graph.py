"""Numbers of paths and bottlenecks of graphs that can be counted by hand."""

import torch
from torch import nn

from nnstatmech.probe.graph import Paths, edge_of, parameters_used
from nnstatmech.probe.probe import probe_model


def source():
    return torch.randn(3, 4, requires_grad=True).clone()


def test_a_chain_has_one_path_and_only_bottlenecks():
    x = source()
    start = edge_of(x)
    a = torch.tanh(x)
    b = a * 2
    paths = Paths(start, edge_of(b))
    assert paths.total == 1
    assert all(paths.is_bottleneck(edge_of(tensor)) for tensor in (a, b))


def test_residual_sums_double_the_paths_exactly():
    x = source()
    start, ends, branches = edge_of(x), [], []
    for _ in range(300):
        branch = torch.tanh(x)
        x = x + branch
        branches.append(edge_of(branch))
        ends.append(edge_of(x))
    paths = Paths(start, ends[-1])
    assert paths.total == 2**300
    assert all(paths.is_bottleneck(end) for end in ends)
    assert not any(paths.is_bottleneck(branch) for branch in branches)
    assert paths.between(ends[9], ends[19]) == 2**10


def test_one_of_several_outputs_of_a_node():
    first, second = source().split(2, 1)
    start = (first.grad_fn.next_functions[0][0], 0)
    only = Paths(start, edge_of(torch.tanh(first)))
    assert only.is_bottleneck(edge_of(first))
    assert not only.is_bottleneck(edge_of(second))
    both = Paths(start, edge_of(first + second))
    assert both.total == 2
    assert not both.is_bottleneck(edge_of(first))


def test_what_does_not_depend_on_the_source():
    other = torch.randn(3, 4, requires_grad=True)
    x = source()
    side = torch.tanh(other)
    paths = Paths(edge_of(x), edge_of(x + side))
    assert not paths.reached(edge_of(side))
    assert not paths.reached(edge_of(torch.ones(2)))
    assert Paths(edge_of(x), edge_of(side)).total == 0


def test_parameters_belong_to_the_first_result_that_uses_them():
    x = source()
    start = edge_of(x)
    shared, own = (torch.randn(4, 4, requires_grad=True) for _ in range(2))
    a = x @ shared
    b = a @ own @ shared
    first, second = parameters_used(start, [edge_of(a), edge_of(b)])
    assert [id(leaf) for leaf in first] == [id(shared)]
    assert [id(leaf) for leaf in second] == [id(own)]


def test_branches_are_no_blocks():
    """A residual block that occurs once, and a layer beside it."""

    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer, self.skip = nn.Linear(6, 8), nn.Linear(8, 6), nn.Linear(6, 6)
            self.act = nn.Tanh()

        def forward(self, x):
            return self.outer(self.act(self.inner(x))) + self.skip(x)

    network = nn.Sequential(nn.Linear(6, 6), Once(), nn.Linear(6, 3))
    blocks = probe_model(network, torch.randn(8, 6), lenses=("noise",)).drop_duplicates("block")
    assert list(blocks["name"]) == ["input", "0", "1", "2"]
    assert list(blocks["kind"]) == ["input", "Linear", "Once", "Linear"]
    assert list(blocks["parameters"]) == [0, 42, 56 + 54 + 42, 21]
