"""Where a long computation stands, so that a job that was killed goes on with the same numbers.

An engine whose ``run`` takes a keyword ``checkpoint`` is given one. It asks for the state that was saved, and offers
its own wherever it could go on from::

    state = checkpoint.load() or first_state()
    for epoch in range(state["epoch"], epochs):
        ...
        checkpoint.offer(lambda: everything_that_the_next_epoch_needs())

A state is anything that can be pickled. It is written every ten minutes at most, so that short jobs never write one,
as one whole file beside the shard; it belongs to one run: to its parameters, seeds, data and code, on the same device
with the same versions of all packages. Any other is left alone, unread.
"""

import hashlib
import json
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .whole_files import whole_file

SECONDS_BETWEEN_STATES = 600.0
SUFFIX = ".checkpoint"

Result = TypeVar("Result")


class Checkpoint(Protocol):
    """What an engine sees of where its state is kept."""

    def load(self) -> Any | None:
        """The state that was saved last, or None."""
        ...

    def offer(self, state: Callable[[], Any]) -> None:
        """Save ``state()`` if the last one is old enough."""
        ...


class NoCheckpoint:
    """For computations that nobody goes on with: of a notebook, or a test."""

    def load(self) -> None:
        return None

    def offer(self, state: Callable[[], Any]) -> None:
        return None


no_checkpoint = NoCheckpoint()


class Parts:
    """Checkpoints of the parts of a computation, which are kept in one: those that are done stay with their last state.

    Parameters
    ----------
    whole
        The checkpoint of the computation.
    """

    def __init__(self, whole: Checkpoint):
        self.whole = whole
        self.saved: dict[str, Any] = whole.load() or {}
        self.offered: dict[str, Callable[[], Any]] = {}

    def offer(self, part: str, state: Callable[[], Any]) -> None:
        """Save the states of all parts, if the last ones are old enough; ``state`` must stay callable."""
        self.offered[part] = state
        self.whole.offer(lambda: self.saved | {name: current() for name, current in self.offered.items()})


@dataclass(frozen=True)
class PartCheckpoint:
    """The checkpoint of the part that is called ``name``."""

    parts: Parts
    name: str

    def load(self) -> Any | None:
        return self.parts.saved.get(self.name)

    def offer(self, state: Callable[[], Any]) -> None:
        self.parts.offer(self.name, state)


def resumed(parts: Sequence[Callable[[], Result]], checkpoint: Checkpoint) -> Iterator[Result]:
    """The results of ``parts``, called in turn; those that a killed job had are taken from its state.

    Parameters
    ----------
    parts
        Computations that need nothing of each other; their results can be pickled and are small.
    checkpoint
        Where the results so far are kept.
    """
    done: list[Result] = checkpoint.load() or []
    for position, part in enumerate(parts):
        if position == len(done):
            done.append(part())
            checkpoint.offer(lambda: done)
        yield done[position]


class ShardCheckpoint:
    """The state of one run of a shard, kept in a file beside it.

    Parameters
    ----------
    shard
        The file that the job makes.
    identity
        What the state belongs to, as plain values: parameters, seeds, data, code, device, versions.
    seconds
        Shortest time between two states.
    """

    def __init__(self, shard: str | PathLike, identity: Mapping[str, Any], seconds: float = SECONDS_BETWEEN_STATES):
        self.identity = json.dumps(identity, sort_keys=True)
        name = hashlib.sha256(self.identity.encode()).hexdigest()[:16]
        self.path = Path(shard).with_suffix(f".{name}{SUFFIX}")
        self.seconds = seconds
        self.saved = time.monotonic()

    def load(self) -> Any | None:
        """The state that was saved last; None if there is none, or the file is not whole or another run's."""
        try:
            identity, checksum, content = self.path.read_bytes().split(b"\n", 2)
        except (OSError, ValueError):
            return None
        # Unpickling runs what the file says: only what this project wrote for this very run is unpickled.
        if identity.decode(errors="replace") != self.identity or checksum != digest(content):
            return None
        return pickle.loads(content)

    def offer(self, state: Callable[[], Any]) -> None:
        """Save ``state()`` if the last one is old enough; a disk that is full ends no computation."""
        if time.monotonic() - self.saved < self.seconds:
            return
        content = pickle.dumps(state(), protocol=pickle.HIGHEST_PROTOCOL)
        try:
            with whole_file(self.path) as part:
                part.write_bytes(b"\n".join([self.identity.encode(), digest(content), content]))
        except OSError:
            return
        self.saved = time.monotonic()


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def remove_checkpoints(shard: str | PathLike) -> None:
    """Remove the states of a shard that is finished, also those that belong to nothing any more."""
    shard = Path(shard)
    for path in shard.parent.glob(f"{shard.stem}.*{SUFFIX}"):
        path.unlink(missing_ok=True)
