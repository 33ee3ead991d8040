"""AMP written down term by term, with a time index on every symbol, for tests to compare with and to mutate."""

import torch

from nnstatmech.message_passing.channels import sign

# Where the reaction terms take an earlier sweep's value: ω needs x̂', m', g'; B needs g', x̂'; H_in needs g', m'.
TIMES = ("omega_x", "omega_m", "omega_g", "B_g", "B_x", "H_g", "H_m")


def reference_amp(inputs, labels, fields, sweeps, damping=0.0, shifted=None):
    """Means of all weights after some sweeps of one batch with prior field 0.

    ``inputs`` (M, N), ``labels`` (M,) ±1, ``fields`` [(K, N)] the initial H. ``shifted`` names one entry of ``TIMES``
    whose time index is moved by one sweep: x̂', m' (and g' in B, H_in) to the present, g' in ω further into the past.
    """
    depth = len(fields)
    X, D, G = [[] for _ in range(depth)], [[] for _ in range(depth)], [[] for _ in range(depth)]
    M = [[torch.tanh(H)] for H in fields]
    up, down = [None] * depth, [None] * depth

    def before(history, time, name, shift=1):
        index = time - 1 + (shift if shifted == name else 0)
        return history[index] if 0 <= index < len(history) else torch.zeros_like(history[-1])

    for time in range(sweeps):
        omega, variance = [None] * depth, [None] * depth
        for layer in range(depth):
            if layer == 0:
                X[0].append(inputs)
                D[0].append(torch.zeros_like(inputs))
            else:
                field = up[layer - 1] + (0 if down[layer] is None else down[layer])
                X[layer].append(torch.tanh(field))
                D[layer].append(1 - torch.tanh(field) ** 2)
            x, d, m = X[layer][time], D[layer][time], M[layer][time]
            s = 1 - m**2
            variance[layer] = x**2 @ s.T + d @ torch.ones_like(m).T
            omega[layer] = x @ m.T
            if time > 0:
                g1 = before(G[layer], time, "omega_g", shift=-1)
                x1, m1 = before(X[layer], time, "omega_x"), before(M[layer], time, "omega_m")
                omega[layer] = (
                    omega[layer]
                    - g1 * torch.einsum("ki,ai,ai->ak", s, x, x1)
                    - g1 * torch.einsum("ki,ki,ai->ak", m, m1, d)
                    + g1**2 * torch.einsum("ki,ki,ai,ai->ak", s, m1, x1, d)
                )
            up[layer] = sign.up_field(omega[layer], variance[layer])
        top = labels[:, None] * torch.inf
        for layer in reversed(range(depth)):
            x, d, m = X[layer][time], D[layer][time], M[layer][time]
            s = 1 - m**2
            g = sign.score(top, omega[layer], variance[layer])
            G[layer].append(g)
            gamma = g * (g + omega[layer] / variance[layer])
            top = g @ m + x * (gamma @ m**2)
            field_in = g.T @ x + m * (gamma.T @ x**2)
            if time > 0:
                g1, x1 = before(G[layer], time, "B_g"), before(X[layer], time, "B_x")
                top = top - x1 * ((g * g1) @ s) - x * x1 * torch.einsum("ki,ki,ak,ak->ai", s, m, g1, gamma)
                g1, m1 = before(G[layer], time, "H_g"), before(M[layer], time, "H_m")
                field_in = (
                    field_in
                    - m1 * torch.einsum("ak,ak,ai->ki", g, g1, d)
                    - m * m1 * torch.einsum("ak,ak,ai,ai->ki", g1, gamma, d, x)
                )
            down[layer] = top
            M[layer].append(damping * m + (1 - damping) * torch.tanh(field_in))
    return [history[-1] for history in M]
