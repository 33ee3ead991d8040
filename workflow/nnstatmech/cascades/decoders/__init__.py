"""Decoders, each inverting one layer, and the cascades that chain them back to the image.

Decoder l maps the activations after layer l to those before it. A cascade from depth l applies decoders
l, l-1, ..., 1 to the activations of depth l: what it loses is the information that l layers have lost, as far as
decoders of that kind can tell.

Two kinds are fitted, always to E networks at once:

* :class:`.trained.Adam`: an affine map and tanh trained for a fixed number of images, as in the original work (dense:
  linear; convolution: transposed 3 × 3 convolution cropped to size; residual block: two of these);
* :class:`.ridge.Ridge`: the closed-form affine map, clamped to the range of tanh. For convolutions it acts on 3 × 3
  patches (5 × 5 for residual blocks). Its strength λ plays the part of Adam's finite budget of steps: both leave
  variances below a floor undecoded.

What a decoder of a layer sees is said by the layer itself (:class:`..networks.Layer`).

Float32 throughout, and TF32 must stay off on GPUs (:func:`..precision.full_precision`): in a deep ordered network two
images differ by less than TF32's 10 bits of mantissa, and the entropy of the reconstructions would measure that
rounding.
"""
