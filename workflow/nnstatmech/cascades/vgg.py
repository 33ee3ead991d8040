"""VGG-style networks, decoders of their layers, and images of single channels.

The convolutional part is laid out and named as torchvision lays out its VGG networks (``features.0.weight``, ...), so
that a state dict of an ImageNet-trained VGG16 loads without torchvision. A *layer* is a convolution with its ReLU,
or a max-pooling: VGG16 has 18 of them, counted from 1; layer 0 is the image.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..datasets.names import expanded
from ..errors import NamedProblem
from ..storage.checkpoints import Checkpoint, no_checkpoint
from .images import ColourImages
from .training import Descent, backward, train_on

POOL = "M"
DECODER_CHUNK = 64  # activations decoded at once: bounds the memory of galleries of hundreds of channels


class WeightsError(NamedProblem):
    """A file of weights that does not fit the network; the message says what is missing or wrong."""


class VGG(nn.Module):
    """3x3 convolutions with ReLU, 2x2 max-poolings and, where ``classes`` is given, one linear readout of logits.

    Parameters
    ----------
    layers
        Output channels of each convolution, or ``"M"`` for a max-pooling (torchvision's notation).
    resolution
        Pixels a side of the square colour images.
    classes
        Number of classes; None leaves the readout out.
    """

    def __init__(self, layers: Sequence[int | str], resolution: int, classes: int | None = None):
        super().__init__()
        modules, self.layer_ends, channels = [], [], 3
        for layer in layers:
            if isinstance(layer, str):
                modules.append(nn.MaxPool2d(2))
                resolution //= 2
            else:
                modules += [nn.Conv2d(channels, layer, 3, padding=1), nn.ReLU()]
                channels = layer
            self.layer_ends.append(len(modules))
        self.features = nn.Sequential(*modules)
        self.classifier = None if classes is None else nn.Linear(channels * resolution**2, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of normalised images (n, 3, h, w).

        Raises
        ------
        ValueError
            If the network has no readout.
        """
        if self.classifier is None:
            raise ValueError("the network has no readout: it was made without classes")
        return self.classifier(self.features(images).flatten(1))

    def layer(self, index: int) -> nn.Sequential:
        """Layer ``index`` = 1, ..., number of layers."""
        start = self.layer_ends[index - 2] if index > 1 else 0
        return nn.Sequential(*list(self.features)[start : self.layer_ends[index - 1]])

    @torch.no_grad()
    def activations(self, images: Tensor) -> list[Tensor]:
        """The images and the activations after each layer."""
        activations = [images]
        for index in range(1, len(self.layer_ends) + 1):
            activations.append(self.layer(index)(activations[-1]))
        return activations


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """He's normal initialisation of every convolution and linear map, zero biases, from one stream."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # The weight of a transposed convolution is (in, out, kernel, kernel), and at stride 2 its patches do not
            # overlap: each output pixel is fed by one kernel element of each input channel.
            fan_in = module.weight[0].numel()
            if isinstance(module, nn.ConvTranspose2d):
                fan_in = module.weight[:, 0].numel() // module.stride[0] ** 2
            nn.init.normal_(module.weight, std=(2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def train_classifier(
    network: VGG,
    images: ColourImages,
    labels: Tensor,
    batches: Tensor,
    learning_rate: float,
    after_step: Callable[[], object],
    checkpoint: Checkpoint = no_checkpoint,
) -> None:
    """Cross-entropy training with Adam on a one-cycle schedule that peaks at ``learning_rate``.

    ``batches`` (steps, batch size) are positions in ``images`` and ``labels``; ``after_step`` is called once a step.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=len(batches))

    def loss(batch: Tensor) -> Tensor:
        return functional.cross_entropy(network(images[batch]), labels[batch])

    train_on(Descent(optimiser, backward(loss), schedule), [(batch,) for batch in batches], after_step, checkpoint)


def load_features(network: VGG, path: str) -> None:
    """Load the convolutional part from a state dict in torchvision's layout; a classifier in the file is left aside.

    Nothing but tensors and plain containers is ever unpickled.

    Raises
    ------
    WeightsError
        If the file cannot be read as a state dict, or an entry is missing, unknown, no tensor of floating-point
        numbers, of another shape, or not finite.
    """
    wanted = {f"features.{name}": tensor for name, tensor in network.features.state_dict().items()}
    found = read_state(path)
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [
        f"{name} is not known" for name in found if name not in wanted and not str(name).startswith("classifier.")
    ]
    faults += [
        f"{name} {fault}"
        for name, tensor in wanted.items()
        if name in found and (fault := fault_of(found[name], tensor.shape))
    ]
    if faults:
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise WeightsError(
            f"weights: {path!r} does not fit the network of `layers`: {'; '.join(faults[:4])}{more}; expected are "
            "torchvision's names, features.0.weight, features.0.bias, ..."
        )
    network.features.load_state_dict({name.removeprefix("features."): found[name] for name in wanted})


def read_state(path: str) -> dict:
    """The dictionary in a file of weights."""
    try:
        state = torch.load(expanded(path), map_location="cpu", weights_only=True)
    except Exception as error:  # what is no such file can fail anywhere in the reading
        reason = " ".join(f"{type(error).__name__}: {error}".splitlines()[:1])
        raise WeightsError(f"weights: {path!r} cannot be read as a PyTorch state dict ({reason})") from error
    if not isinstance(state, dict):
        raise WeightsError(f"weights: {path!r} holds a {type(state).__name__}, not the dictionary of a state dict")
    return state


def fault_of(weights: object, shape: torch.Size) -> str | None:
    """What is wrong with one entry of a state dict, in a few words."""
    if not isinstance(weights, torch.Tensor):
        return f"is no tensor but of type {type(weights).__name__}"
    if weights.layout != torch.strided or not weights.is_floating_point():
        return f"holds {weights.dtype} in the layout {weights.layout}, not an array of floating-point numbers"
    if weights.shape != shape:
        return f"has shape {tuple(weights.shape)} instead of {tuple(shape)}"
    if not weights.isfinite().all():
        return f"has {int((~weights.isfinite()).sum())} weights that are not finite"
    return None


class Decoders(nn.Module):
    """One decoder a layer, each from the layer's activation back to what went in.

    A convolution is undone by a 3x3 transposed convolution, cropped by one pixel a side, with ReLU; a max-pooling by a
    2x2 transposed convolution of stride 2, with ReLU. Activations are never negative, but normalised images are:
    the decoder that gives the image is linear.
    """

    def __init__(self, layers: Sequence[int | str]):
        super().__init__()
        stages, channels = [], 3
        for layer in layers:
            if isinstance(layer, str):
                stages.append(nn.ConvTranspose2d(channels, channels, 2, stride=2))
            else:
                # `padding` of a transposed convolution is what is cropped from its output.
                stages.append(nn.ConvTranspose2d(layer, channels, 3, padding=1))
                channels = layer
        self.stages = nn.ModuleList(stages)

    def decode(self, activation: Tensor, layer: int) -> Tensor:
        """The reconstruction of layer ``layer - 1`` from the activation of layer ``layer``."""
        output = self.stages[layer - 1](activation)
        return functional.relu(output) if layer > 1 else output

    @torch.no_grad()
    def cascade(self, activation: Tensor, layer: int) -> Tensor:
        """The normalised images that decoders ``layer``, ..., 1 make of activations (n, channels, h, w)."""
        images = []
        for chunk in activation.split(DECODER_CHUNK):
            for index in range(layer, 0, -1):
                chunk = self.decode(chunk, index)
            images.append(chunk)
        return torch.cat(images)

    @torch.no_grad()
    def channel_images(self, activation: Tensor, layer: int, channels: Sequence[int]) -> Tensor:
        """What each of ``channels`` alone tells of the image: all other channels of the layer are set to zero.

        Parameters
        ----------
        activation
            Of one image after layer ``layer``, shape (channels, h, w).

        Returns
        -------
        Tensor
            Shape (len(channels), 3, height, width), in units of the normalised image.
        """
        positions = torch.as_tensor(channels, device=activation.device)
        alone = functional.one_hot(positions, len(activation)).to(activation.dtype)[:, :, None, None] * activation
        return self.cascade(alone, layer)


def train_decoders(
    network: VGG,
    decoders: Decoders,
    images: ColourImages,
    batches: Tensor,
    learning_rate: float,
    after_step: Callable[[], object],
    checkpoint: Checkpoint = no_checkpoint,
) -> Tensor:
    """Train all decoders at once with Adam on the mean squared error; no gradient crosses a layer.

    Returns
    -------
    Tensor
        Mean squared error of each decoder on the last batch, before its step, shape (layers,).
    """
    optimiser = torch.optim.Adam(decoders.parameters(), lr=learning_rate)

    def gradients(batch: Tensor) -> Tensor:
        losses, before = [], images[batch]
        for layer in range(1, len(decoders.stages) + 1):
            with torch.no_grad():
                after = network.layer(layer)(before)
            loss = functional.mse_loss(decoders.decode(after, layer), before)
            loss.backward()  # at once, so that one layer's graph is alive at a time
            losses.append(loss.detach())
            before = after
        return torch.stack(losses)

    return train_on(Descent(optimiser, gradients), [(batch,) for batch in batches], after_step, checkpoint)[-1]
