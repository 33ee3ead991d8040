"""A checkpoint whose job is killed, in memory."""

import pickle

import pytest


class Mortal:
    """What an engine takes for a checkpoint; the job dies as soon as it has offered ``states`` states."""

    def __init__(self, states: int):
        self.last = states
        self.states: list[bytes] = []

    def load(self):
        return pickle.loads(self.states[-1]) if self.states else None

    def offer(self, state):
        self.states.append(pickle.dumps(state()))
        if len(self.states) == self.last:
            raise KeyboardInterrupt


def killed_and_continued(run, states: int) -> Mortal:
    """Require that ``run(checkpoint=...)``, killed after so many states, goes on to the table that ``run()`` makes."""
    undisturbed, checkpoint = run(), Mortal(states)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=checkpoint)
    assert run(checkpoint=checkpoint).equals(undisturbed)
    return checkpoint
