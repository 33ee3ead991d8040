"""Decoders, each inverting one layer, and the cascades that chain them back to the image.

Decoder l maps the activations after layer l to those before it. A cascade from depth l applies decoders
l, l-1, ..., 1 to the activations of depth l: what it loses is the information that l layers have lost, as far as
decoders of that kind can tell.

Two kinds are fitted, always to E networks at once:

* :class:`Adam`: an affine map and tanh trained for a fixed number of images, as in the original work (dense:
  linear; convolution: transposed 3 × 3 convolution cropped to size; residual block: two of these);
* :class:`Ridge`: the closed-form affine map, clamped to the range of tanh. For convolutions it acts on 3 × 3
  patches (5 × 5 for residual blocks). Its strength λ plays the part of Adam's finite budget of steps: both leave
  variances below a floor undecoded.

Float32 throughout, and TF32 must stay off on GPUs (:func:`full_precision`): in a deep ordered network two images
differ by less than TF32's 10 bits of mantissa, and the entropy of the reconstructions would measure that rounding.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..seeding import torch_stream
from .networks import (
    KERNEL,
    Convolution,
    Dense,
    Layer,
    LayerParameters,
    PooledReadout,
    ResidualBlock,
    affine,
    patches,
    zero_pad,
)

# Floats that the patches of one step may fill: what stays in a processor's caches, what fills a GPU.
SCRATCH = {"cpu": 2**20, "cuda": 2**28}
UNDECODABLE = "the mean over pixels cannot be decoded: start the cascade before the pooled readout"


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products and convolutions in full float32 on every device."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


# ---------------------------------------------------------------------------------------------------------------
# What a decoder sees and what it predicts, as rows of a regression
# ---------------------------------------------------------------------------------------------------------------


def ridge_patch(layer: Layer) -> int:
    """Side of the window of the layer's output that the decoder of one pixel sees; 0 for dense layers."""
    match layer:
        case Dense():
            return 0
        case Convolution():
            return KERNEL
        case ResidualBlock():
            return 2 * KERNEL - 1
        case PooledReadout():
            raise ValueError(UNDECODABLE)


def decoder_size(layer: Layer) -> int:
    """Number of weights of one layer's ridge decoder, for estimates of memory."""
    return max(1, ridge_patch(layer)) ** 2 * layer.out_shape[-1] * layer.in_shape[-1] * stride(layer) ** 2


def feature_rows(layer: Layer, outputs: Tensor, size: int) -> Tensor:
    """What the decoder of ``layer`` sees: activations after it as rows (E, R, features).

    Images are seen through ``size`` × ``size`` windows with zeros around them, one window for each pixel (for
    each block of 2 × 2 pixels if the layer has stride 2) of the layer's input; ``size`` = 0 for dense layers.
    """
    if size == 0:
        return outputs
    missing = layer.in_shape[0] - outputs.shape[2] if stride(layer) == 1 else 0
    return patches(zero_pad(outputs, (size - 1 + missing) // 2), size).flatten(1, 3)


def target_rows(layer: Layer, inputs: Tensor) -> Tensor:
    """What the decoder of ``layer`` predicts: activations before it as rows (E, R, targets)."""
    if inputs.dim() == 3:
        return inputs
    if stride(layer) == 2:
        # An odd side is filled up by repeating its last row and column; assemble() drops them.
        odd = inputs.shape[2] % 2
        inputs = torch.cat([inputs, inputs[:, :, -1:]], 2) if odd else inputs
        inputs = torch.cat([inputs, inputs[:, :, :, -1:]], 3) if odd else inputs
        inputs = inputs.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).transpose(3, 4).flatten(4)
    return inputs.flatten(1, 3)


def assemble(layer: Layer, rows: Tensor) -> Tensor:
    """The inverse of :func:`target_rows`: rows to activations before ``layer``."""
    if len(layer.in_shape) == 1:
        return rows
    side, _, channels = layer.in_shape
    if stride(layer) == 1:
        return rows.unflatten(1, (-1, side, side))
    blocks = math.ceil(side / 2)
    x = rows.unflatten(2, (2, 2, channels)).unflatten(1, (-1, blocks, blocks))
    return x.transpose(3, 4).flatten(4, 5).flatten(2, 3)[:, :, :side, :side]


def stride(layer: Layer) -> int:
    return layer.stride if isinstance(layer, Convolution) else 1


def images_at_once(layer: Layer, activations: Tensor) -> int:
    """How many images' patches fit into the scratch memory."""
    if isinstance(layer, Dense):
        return activations.shape[1]
    pixels = max(shape[0] ** 2 for shape in (layer.in_shape, layer.out_shape) if len(shape) == 3)
    channels = max(layer.in_shape[-1], layer.out_shape[-1])
    window = (2 * KERNEL - 1 if isinstance(layer, ResidualBlock) else KERNEL) ** 2
    return max(1, SCRATCH[activations.device.type] // (len(activations) * pixels * channels * window))


def in_chunks(function: Callable[[Tensor], Tensor], layer: Layer, x: Tensor) -> Tensor:
    """``function(x)``, as many images (axis 1) at a time as memory allows ``layer``."""
    chunks = x.split(images_at_once(layer, x), 1)
    # Not copied where there is only one.
    return function(x) if len(chunks) == 1 else torch.cat([function(chunk) for chunk in chunks], 1)


def propagate(layer: Layer, parameters: LayerParameters, x: Tensor) -> Tensor:
    """``layer(parameters, x)``, a bounded number of images at a time."""
    x = x.expand(len(parameters[0][0]), *x.shape[1:])
    return in_chunks(lambda images: layer(parameters, images), layer, x)


# ---------------------------------------------------------------------------------------------------------------
# Ridge decoders
# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RidgeDecoder:
    """Inverts ``layer`` by clamp(features of (outputs - centre) × weight + offset, -1, 1).

    ``centre``, one number per unit or channel, is subtracted first: outputs that agree to the last bit decode to the
    same image. All tensors have a leading axis E.
    """

    layer: Layer
    centre: Tensor
    weight: Tensor
    offset: Tensor

    def __call__(self, outputs: Tensor) -> Tensor:
        return in_chunks(self.decode, self.layer, outputs)

    def decode(self, outputs: Tensor) -> Tensor:
        rows = feature_rows(self.layer, outputs - self.centre, ridge_patch(self.layer))
        return assemble(self.layer, torch.baddbmm(self.offset, rows, self.weight).clamp_(-1, 1))


def channel_means(x: Tensor) -> Tensor:
    """Means over everything but networks and units or channels, with the shape to be subtracted from ``x``."""
    return x.mean(tuple(range(1, x.dim() - 1)), keepdim=True)


@dataclass(frozen=True)
class Ridge:
    """Fits decoders by ridge regression: weight = (AᵀA/R + λ)⁻¹ AᵀX/R with centred rows A (features), X (targets).

    Parameters
    ----------
    strength
        λ, in units of squared activations: variances below it are not decoded.
    """

    strength: float

    def fit(self, layer: Layer, position: int, inputs: Tensor, outputs: Tensor) -> RidgeDecoder:
        """The decoders of one layer of E networks.

        Parameters
        ----------
        layer, position
            The layer and its place in the network.
        inputs, outputs
            Activations before it, (E or 1, images, ...), and after it, (E, images, ...).
        """
        size, step = ridge_patch(layer), images_at_once(layer, outputs)
        # Shifted before they are squared, so that nothing cancels where images hardly differ.
        in_centre, out_centre = channel_means(inputs), channel_means(outputs)
        gram = cross = feature_sum = target_sum = 0
        rows = 0
        for before, after in zip(inputs.split(step, 1), outputs.split(step, 1), strict=True):
            features = feature_rows(layer, after - out_centre, size)
            targets = target_rows(layer, before - in_centre).expand(len(outputs), -1, -1)
            gram, cross = gram + features.mT @ features, cross + features.mT @ targets
            feature_sum = feature_sum + features.sum(1, keepdim=True)
            target_sum = target_sum + targets.sum(1, keepdim=True)
            rows += features.shape[1]
        # What is left of the means: windows at the edge see zeros.
        feature_mean, target_mean = feature_sum / rows, target_sum / rows
        gram = gram / rows - feature_mean.mT @ feature_mean
        weight = solve_ridge(gram, cross / rows - feature_mean.mT @ target_mean, self.strength)
        repeats = weight.shape[2] // in_centre.shape[-1]
        offset = in_centre.flatten(1, -2).repeat(1, 1, repeats) + target_mean - feature_mean @ weight
        return RidgeDecoder(layer, out_centre, weight, offset)


def solve_ridge(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    """(``gram`` + λ)⁻¹ ``cross`` for matrices (E, n, n) and (E, n, m).

    The factorisation is in float64: rounding of a float32 Gram matrix of large norm can exceed a small λ.
    """
    gram = gram.double()
    gram.diagonal(dim1=1, dim2=2).add_(strength)
    factor = torch.linalg.cholesky(gram)
    return torch.cholesky_solve(cross.double(), factor).to(cross.dtype)


# ---------------------------------------------------------------------------------------------------------------
# Trained decoders
# ---------------------------------------------------------------------------------------------------------------


def transposed_stride_mask(layer: Convolution, device) -> Tensor:
    """Which of the 3 × 3 outputs around a block a transposed convolution of stride 2 uses for each of its 2 × 2 pixels.

    Row i of its output block sees kernel rows 0 (of output i) and 2 (of output i - 1) at the upper pixel and row 1
    (of output i) at the lower one. Shape (9 features, 4 channels).
    """
    sees = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], device=device)
    mask = torch.einsum("ap,bq->abpq", sees, sees)[:, :, None, :, :, None]
    return mask.expand(-1, -1, layer.features, -1, -1, layer.channels).reshape(KERNEL**2 * layer.features, -1)


@dataclass(frozen=True)
class AdamDecoder:
    """Inverts ``layer`` by one affine map and tanh, or two in a row for residual blocks.

    ``parameters`` holds (weight, bias) of each map, with a leading axis E; ``mask`` multiplies the weights of
    layers of stride 2, whose bias is shared by the four pixels of a block.
    """

    layer: Layer
    parameters: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor | None = None

    def __call__(self, outputs: Tensor) -> Tensor:
        return in_chunks(self.decode, self.layer, outputs)

    @property
    def window(self) -> int:
        """Side of the windows that each map sees; 0 for dense layers."""
        return 0 if isinstance(self.layer, Dense) else KERNEL

    def decode(self, x: Tensor) -> Tensor:
        for weight, bias in self.parameters:
            weight = weight if self.mask is None else weight * self.mask
            bias = bias.repeat(1, 1, weight.shape[2] // bias.shape[2])
            x = assemble(self.layer, torch.tanh(affine(feature_rows(self.layer, x, self.window), weight, bias)))
        return x

    def set_gradients(self, outputs: Tensor, target: Tensor) -> None:
        """Gradients of the sum of the networks' own mean squared errors: none mixes networks."""
        if len(self.parameters) == 1 and self.mask is None:
            self._set_gradients_of_one_map(outputs, target)
            return
        tensors = [tensor for pair in self.parameters for tensor in pair]
        with torch.enable_grad():
            decoded = self.decode(outputs)
            loss = functional.mse_loss(decoded, target.expand_as(decoded), reduction="sum") / decoded[0].numel()
        for tensor, gradient in zip(tensors, torch.autograd.grad(loss, tensors), strict=True):
            tensor.grad = gradient

    def _set_gradients_of_one_map(self, outputs: Tensor, target: Tensor) -> None:
        # By hand: half the time of automatic differentiation for small layers.
        ((weight, bias),) = self.parameters
        rows = feature_rows(self.layer, outputs, self.window)
        decoded = affine(rows, weight, bias).tanh_()
        error = (decoded - target_rows(self.layer, target)).mul_(2 / decoded[0].numel())
        error.mul_(decoded.square_().neg_().add_(1))
        weight.grad, bias.grad = rows.mT @ error, error.sum(1, keepdim=True)


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
        """The decoders of one layer of E networks; arguments as those of :meth:`Ridge.fit`."""
        decoder = self.initial_decoder(layer, position, outputs.device)
        trained = [tensor.requires_grad_() for pair in decoder.parameters for tensor in pair]
        optimiser = torch.optim.Adam(trained, lr=self.learning_rate, fused=True)
        with torch.no_grad():
            for order in presentation_order(outputs.shape[1], self.presentations):
                shown = [x[:, order] for x in (outputs, inputs)]
                for after, before in zip(*(x.split(self.batch_size, 1) for x in shown), strict=True):
                    decoder.set_gradients(after, before)
                    optimiser.step()
        for tensor in trained:
            tensor.requires_grad_(False)
            tensor.grad = None
        return decoder

    def initial_decoder(self, layer: Layer, position: int, device) -> AdamDecoder:
        """Decoders with PyTorch's default initialisation of linear and transposed convolutional layers."""
        mask = None
        if isinstance(layer, PooledReadout):
            raise ValueError(UNDECODABLE)
        if isinstance(layer, Dense):
            shapes, fan_in = [(layer.outputs, layer.inputs)], layer.outputs
        else:
            features, channels = layer.out_shape[-1], layer.in_shape[-1]
            # PyTorch takes the channels that a transposed convolution gives for its fan-in.
            shapes, fan_in = [(KERNEL**2 * features, channels * stride(layer) ** 2)], KERNEL**2 * channels
            shapes = shapes * 2 if isinstance(layer, ResidualBlock) else shapes
            mask = transposed_stride_mask(layer, device) if stride(layer) == 2 else None
        outputs = layer.in_shape[-1]
        parameters = []
        for part, shape in enumerate(shapes):
            weight = self._uniform(shape, fan_in, device, "decoder weights", position, part)
            bias = self._uniform((1, outputs), fan_in, device, "decoder biases", position, part)
            parameters.append((weight, bias))
        return AdamDecoder(layer, tuple(parameters), mask)

    def _uniform(self, shape: tuple[int, int], fan_in: int, device, *stream: str | int) -> Tensor:
        distinct = sorted(set(self.seeds))
        draws = torch.stack([torch.rand(shape, generator=torch_stream(seed, *stream)) for seed in distinct])
        draws = (2 * draws - 1) / math.sqrt(fan_in)
        return draws.to(device)[[distinct.index(seed) for seed in self.seeds]]


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


# ---------------------------------------------------------------------------------------------------------------
# Cascades
# ---------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def fit_cascade(
    layers: Sequence[Layer],
    parameters: Callable[[int], LayerParameters],
    method: Ridge | Adam,
    train: Tensor,
    test: Tensor,
    depths: Sequence[int],
    after_layer: Callable[[], object] = lambda: None,
) -> tuple[list[RidgeDecoder | AdamDecoder], dict[int, Tensor]]:
    """Fit the decoders of all layers, one layer at a time, and keep the test images' activations.

    Only one layer's training activations are alive at a time, so memory grows with depth by the decoders alone.

    Parameters
    ----------
    layers
        The network, first layer first.
    parameters
        Position of a layer to its parameters (see :func:`networks.initial_parameters`).
    method
        How decoders are fitted.
    train, test
        Images, (1, M, ...) or (E, M, ...).
    depths
        Depths (1 = after the first layer) whose test activations are kept.
    after_layer
        Called once a layer, for a progress bar.

    Returns
    -------
    The decoders, first layer first, and depth to test activations (E, images, ...).
    """
    decoders, activations = [], {}
    for position, layer in enumerate(layers):
        drawn = parameters(position)
        outputs = propagate(layer, drawn, train)
        decoders.append(method.fit(layer, position, train, outputs))
        train, test = outputs, propagate(layer, drawn, test)
        if position + 1 in depths:
            activations[position + 1] = test
        after_layer()
    return decoders, activations


@torch.no_grad()
def reconstruct(
    decoders: Sequence[Callable[[Tensor], Tensor]],
    activations: Mapping[int, Tensor],
    after_layer: Callable[[], object] = lambda: None,
) -> Tensor:
    """Images that cascades from several depths give back, (E, depths in increasing order, images, ...).

    One sweep from the deepest layer to the first takes up the activations of each depth as it passes: L decoders
    are applied once each, instead of L²/2 times for one cascade after the other.
    """
    batch, found = None, sorted(activations, reverse=True)
    for depth in range(found[0], 0, -1):
        if depth in activations:
            arriving = activations[depth]
            batch = arriving if batch is None else torch.cat([batch, arriving], 1)
        batch = decoders[depth - 1](batch)
        after_layer()
    return batch.unflatten(1, (len(found), -1)).flip(1)
