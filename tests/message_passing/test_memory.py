"""What a device has no room for is refused before it is taken."""

import pytest
import torch

from nnstatmech.message_passing import memory
from nnstatmech.message_passing.learning import Learner, LearningSettings
from nnstatmech.message_passing.network import build_network


def test_a_cpu_is_not_asked():
    assert memory.free_bytes(torch.device("cpu")) is None
    memory.require(1 << 60, torch.device("cpu"), "everything", "take less")


def test_messages_of_all_edges_are_refused_where_there_is_no_room(monkeypatch):
    """Two hidden layers keep three numbers an edge and image, the first one two, of four bytes each."""
    network = build_network([7, 5, 1], "bp", [0, 1])
    learner = Learner(network, LearningSettings(max_sweeps=2))
    x, y = torch.randn(2, 3, 7), torch.ones(2, 3)
    first, top = 2 * 4 * 2 * 3 * 7 * 5, 3 * 4 * 2 * 3 * 5
    monkeypatch.setattr(memory, "free_bytes", lambda device: max(first, top))
    learner.train_batch(x, y)
    monkeypatch.setattr(memory, "free_bytes", lambda device: max(first, top) - 1)
    with pytest.raises(MemoryError, match=r"2 networks side by side.*take smaller batches or fewer networks"):
        learner.train_batch(x, y)
