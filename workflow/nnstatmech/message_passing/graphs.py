"""Mini-batches without launch overhead: a training step captured once as a CUDA graph and replayed."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

WARM_UPS = 3


class CapturedStep:
    """Calls ``step(inputs, labels)``; on a CUDA device by replaying a graph of it.

    Parameters
    ----------
    step
        Does all of one mini-batch without waiting for the device, and changes only the tensors of ``state``, in place.
    state
        Gives the tensors that last from batch to batch.
    plan
        A key of everything that decides which kernels a step launches; each value has a graph of its own.
    enabled
        False calls the step directly, as on every other device.
    """

    def __init__(
        self,
        step: Callable[[Tensor, Tensor], None],
        state: Callable[[], Sequence[Tensor]],
        plan: Callable[[], Hashable] = lambda: None,
        enabled: bool = True,
    ):
        self._step, self._state, self._plan, self._enabled = step, state, plan, enabled
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        self._pool: Any = None  # one for all graphs: they are never replayed side by side

    def __call__(self, inputs: Tensor, labels: Tensor) -> None:
        if not (self._enabled and inputs.is_cuda):
            self._step(inputs, labels)
            return
        key = self._plan()
        if key not in self._graphs:
            self._graphs[key] = self._capture(inputs, labels)
        graph, static_inputs, static_labels = self._graphs[key]
        static_inputs.copy_(inputs)
        static_labels.copy_(labels)
        graph.replay()

    def free(self) -> None:
        """Give the memory of all graphs back to the device; the next call captures anew."""
        if self._graphs:
            for graph, *_ in self._graphs.values():
                graph.reset()
            self._graphs.clear()
            self._pool = None
            torch.cuda.empty_cache()

    def _capture(self, inputs: Tensor, labels: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        static_inputs, static_labels = inputs.clone(), labels.clone()
        saved = [(tensor, tensor.clone()) for tensor in self._state()]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._step(static_inputs, static_labels)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool):
            self._step(static_inputs, static_labels)
        for tensor, before in saved:
            tensor.copy_(before)
        return graph, static_inputs, static_labels
