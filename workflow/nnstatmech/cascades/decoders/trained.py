"""Decoders trained by Adam on the squared error, as in the original work."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...products import bmm
from ...seeding import torch_stream
from ..hyperbolic import tanh, tanh_, tanh_gradient
from ..networks import KERNEL, Layer, affine, seeded_draws
from ..training import Descent, train, trainable
from .rows import assemble, feature_rows, in_chunks, require_decodable, target_rows


def transposed_stride_mask(layer: Layer, device) -> Tensor:
    """Which of the 3 × 3 outputs around a block a transposed convolution of stride 2 uses for each of its 2 × 2 pixels.

    Row i of its output block sees kernel rows 0 (of output i) and 2 (of output i - 1) at the upper pixel and row 1
    (of output i) at the lower one. Shape (9 features, 4 channels).
    """
    sees = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], device=device)
    mask = torch.einsum("ap,bq->abpq", sees, sees)[:, :, None, :, :, None]
    features, channels = layer.out_shape[-1], layer.in_shape[-1]
    return mask.expand(-1, -1, features, -1, -1, channels).reshape(KERNEL**2 * features, -1)


@dataclass(frozen=True)
class AdamDecoder:
    """Inverts ``layer`` by an affine map and tanh for each of its ``decoder_windows``.

    ``parameters`` holds (weight, bias) of each map, with a leading axis E; ``mask`` multiplies the weights of
    layers of stride 2, whose bias is shared by the four pixels of a block.
    """

    layer: Layer
    parameters: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor | None = None

    def __call__(self, outputs: Tensor) -> Tensor:
        return in_chunks(self.decode, self.layer, outputs)

    def decode(self, x: Tensor) -> Tensor:
        for window, (weight, bias) in zip(self.layer.decoder_windows, self.parameters, strict=True):
            weight = weight if self.mask is None else weight * self.mask
            bias = bias.repeat(1, 1, weight.shape[2] // bias.shape[2])
            x = assemble(self.layer, tanh(affine(feature_rows(self.layer, x, window), weight, bias)))
        return x

    def set_gradients(self, outputs: Tensor, target: Tensor) -> None:
        """Gradients of the sum of the networks' own mean squared errors: none mixes networks."""
        if len(self.parameters) == 1 and self.mask is None:
            self.set_gradients_of_one_map(outputs, target)
            return
        tensors = [tensor for pair in self.parameters for tensor in pair]
        with torch.enable_grad():
            decoded = self.decode(outputs)
            loss = functional.mse_loss(decoded, target.expand_as(decoded), reduction="sum") / decoded[0].numel()
        for tensor, gradient in zip(tensors, torch.autograd.grad(loss, tensors), strict=True):
            tensor.grad = gradient

    def set_gradients_of_one_map(self, outputs: Tensor, target: Tensor) -> None:
        # By hand: half the time of automatic differentiation for small layers.
        ((weight, bias),) = self.parameters
        rows = feature_rows(self.layer, outputs, self.layer.decoder_windows[0])
        decoded = tanh_(affine(rows, weight.detach(), bias.detach()))
        error = (decoded - target_rows(self.layer, target)).mul_(2 / decoded[0].numel())
        error = tanh_gradient(error, decoded)
        weight.grad, bias.grad = bmm(rows.mT, error), error.sum(1, keepdim=True)


@dataclass(frozen=True)
class Adam:
    """Trains decoders by mean squared error and Adam, each network's independently of the others.

    Parameters
    ----------
    seeds
        The seed of each of the E networks; it fixes its decoders' initial parameters (uniform, ±1/√fan_in). The
        order of the images is the same for all.
    presentations
        How many images a decoder sees, counted with repetition: 60000 is one epoch of MNIST. Smaller training
        sets are passed several times, first in the order given, which should be random, then reshuffled.
    batch_size, learning_rate
        Of every update; default 64 and 10⁻³.
    """

    seeds: tuple[int, ...]
    presentations: int
    batch_size: int = 64
    learning_rate: float = 1e-3

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> AdamDecoder:
        """The decoders of one layer of E networks; arguments as those of :meth:`.ridge.Ridge.fit`."""
        decoder = self.initial_decoder(layer, position, outputs.device)
        with trainable([decoder.parameters]) as tensors, torch.no_grad():
            optimiser = torch.optim.Adam(tensors, lr=self.learning_rate, fused=True)
            train(Descent(optimiser, decoder.set_gradients), self.minibatches(outputs, inputs))
        return decoder

    def minibatches(self, outputs: Tensor, inputs: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What a decoder sees and what it should give, one minibatch after the other."""
        for order in presentation_order(outputs.shape[1], self.presentations):
            shown = [x[:, order].split(self.batch_size, 1) for x in (outputs, inputs)]
            yield from zip(*shown, strict=True)

    def initial_decoder(self, layer: Layer, position: int, device) -> AdamDecoder:
        """Decoders with PyTorch's default initialisation of linear and transposed convolutional layers."""
        require_decodable(layer)
        mask = transposed_stride_mask(layer, device) if layer.stride == 2 else None
        features, channels = layer.out_shape[-1], layer.in_shape[-1]
        parameters = []
        for part, window in enumerate(layer.decoder_windows):
            taps = max(1, window**2)
            # PyTorch takes the channels that a transposed convolution gives for its fan-in.
            fan_in = taps * channels if window else features
            shape = (taps * features, channels * layer.stride**2)
            weight = self.uniform(shape, fan_in, device, "decoder weights", position, part)
            bias = self.uniform((1, channels), fan_in, device, "decoder biases", position, part)
            parameters.append((weight, bias))
            features = channels
        return AdamDecoder(layer, tuple(parameters), mask)

    def uniform(self, shape: tuple[int, int], fan_in: int, device, *stream: str | int) -> Tensor:
        return (2 * seeded_draws(torch.rand, self.seeds, shape, device, *stream) - 1) / math.sqrt(fan_in)


def presentation_order(images: int, presentations: int) -> Iterator[slice | Tensor]:
    """Which images are shown in which order, one index for each pass over all of them.

    The first pass takes the images as they come, which saves a copy; the next ones shuffle them.
    """
    for turn, shown in enumerate(range(0, presentations, images)):
        if turn == 0:
            yield slice(min(images, presentations))
        else:
            order = torch.randperm(images, generator=torch_stream(0, "order of presentation", turn))
            yield order[: presentations - shown]
