"""Probes of single networks for the tests: noise by any method, gradients, and the numbers on the way."""

import contextlib

import torch

from nnstatmech.probe.batch_norm import default_mode
from nnstatmech.probe.checks import copied, untouched
from nnstatmech.probe.gradients import back_propagate
from nnstatmech.probe.network import Inputs
from nnstatmech.probe.noise import propagate
from nnstatmech.probe.probe import Probe

CPU, DOUBLE = torch.device("cpu"), torch.float64


@contextlib.contextmanager
def probe_of(model, inputs, mode="default", batch=64, layout=None, fine=False, seed=0):
    """A probe of a copy of ``model`` in float64, under the conditions in which it runs."""
    with untouched():
        torch.set_default_dtype(DOUBLE)
        twin = copied(model, CPU, DOUBLE)
        mode = default_mode([twin]) if mode == "default" else mode
        yield Probe(twin, Inputs(inputs, {}).on(CPU, DOUBLE), seed, mode, batch, layout, fine, torch.float32)


def tangents(probe, method="forward", noise=None):
    """Signal, noise and logarithm of its divisor at every block, by index."""
    found = {}

    def visit(index, signal, tangent, log_scale):
        found[index] = signal.clone(), tangent.clone(), log_scale

    noise = probe.input_noise() if noise is None else noise
    propagate(probe.network, probe.structure, probe.inputs, probe.mode, probe.source, noise, visit, method=method)
    return found


def gradients(probe):
    """Gradient and logarithm of its divisor at every block, by index, and the cotangent at the output."""
    found, given = {}, []

    def cotangent(output):
        given.append(probe.cotangent(output))
        return given[0]

    def visit(index, gradient, log_scale):
        found[index] = gradient.clone(), log_scale

    back_propagate(probe.network, probe.structure, probe.inputs, probe.mode, probe.source, cotangent, visit)
    return found, given[0]


def values(table, quantity):
    """Values of a quantity, block by block."""
    return table[table["quantity"] == quantity].set_index("block")["value"]
