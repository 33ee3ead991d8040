"""Inference in networks of any activation: of the signal x⁰ through known weights, or of the weights from examples.

The seed "Deep message passing" in full: sections II and III, eqs. 1 to 31, where :mod:`..network` is its special case
of sign units and binary weights that learn from mini-batches. Tensors have a leading axis of R independent problems.
"""
