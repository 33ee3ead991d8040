"""Closed forms and integrals that the families share: what wide random networks do, without a network.

activations
    Non-linearities and what their integrals need to know of them.
quadrature
    Gaussian integrals in one and two dimensions, with controlled error.
kernels
    E φφ and E φ'φ' of two inputs, as functions of their correlation.
mean_field
    Length and correlation maps, their fixed points, depth scales, the edge of chaos.

>>> from nnstatmech.theory.mean_field import MeanField
>>> round(MeanField(weight_variance=1.5, bias_variance=0.05).correlation_depth, 2)
15.79
"""
