"""Scalar channels: the one-dimensional integrals that every message-passing rule is made of, in closed form.

One module per physical object. Throughout, ``omega`` and ``variance`` are the mean ω and the variance V of a
preactivation, ``B`` (and ``A``) the field (and precision) that arrives from the other side, ``score`` is
g = ∂_ω φ and ``curvature`` is Γ = −∂²_ω φ of the channel's log-partition function φ.
"""
