"""Every call of a module during a forward pass, numbered in the order in which the calls end.

Hooks of all modules are used (and taken away), not those of the model, so that modules that are made inside a
``forward`` are seen as well, and reused ones at each call.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


@dataclass(frozen=True)
class Call:
    """One call of a module that has just ended.

    Attributes
    ----------
    number
        How many calls had ended before.
    first
        How many calls had ended when it began: calls ``first`` to ``number`` - 1 happened inside.
    name
        Name of the module in the model; of its parent and class where it was made inside a ``forward``.
    module
        The module.
    occurrence
        How many calls of this name had ended before: with the name it tells a call again in another pass, even where
        a network calls some of its modules, such as experts, for some inputs only.
    before
        What ``before`` of :func:`watched` made of the arguments.
    """

    number: int
    first: int
    name: str
    module: nn.Module
    occurrence: int
    before: Any = None

    @property
    def key(self) -> tuple[str, int]:
        """What the call has in common with the same one of another pass."""
        return self.name, self.occurrence


Listener = Callable[[Call, Any], Any]


@contextlib.contextmanager
def watched(model: nn.Module, listener: Listener, before: Callable[[tuple], Any] | None = None) -> Iterator[None]:
    """Call ``listener(call, output)`` at the end of each call; what it returns, if not None, replaces the output.

    Parameters
    ----------
    model
        Its modules give the names.
    before
        Applied to the positional arguments at the beginning of a call, because modules may change them in place.
    """
    names = {id(module): name for name, module in model.named_modules()}
    thread = threading.get_ident()
    open_calls: list[tuple[nn.Module, str, int, Any]] = []
    ended = 0
    of_name: Counter[str] = Counter()

    def at_begin(module: nn.Module, arguments: tuple) -> None:
        if threading.get_ident() != thread:
            return
        name = names.get(id(module))
        if name is None:
            parent = open_calls[-1][1] if open_calls else ""
            name = f"{parent}.{type(module).__name__}".removeprefix(".")
        open_calls.append((module, name, ended, before(arguments) if before else None))

    def at_end(module: nn.Module, arguments: tuple, output: Any) -> Any:
        nonlocal ended
        if threading.get_ident() != thread:
            return None
        begun = open_calls.pop()
        # A module whose call raised an error that its parent caught has no end.
        while begun[0] is not module:
            begun = open_calls.pop()
        call = Call(ended, begun[2], begun[1], module, of_name[begun[1]], begun[3])
        ended += 1
        of_name[begun[1]] += 1
        return listener(call, output)

    handles = [register_module_forward_pre_hook(at_begin), register_module_forward_hook(at_end)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
