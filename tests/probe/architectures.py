"""Small networks in the style of public ones, written for the tests: name -> (model, inputs, keyword arguments)."""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations


class Fn(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class BasicBlock(nn.Module):
    def __init__(self, before, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.skip = None
        if stride > 1 or before != channels:
            self.skip = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        identity = x if self.skip is None else self.skip(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, width=8, blocks=(1, 1), classes=5, unit=BasicBlock):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        stages, before = [], width
        for stage, count in enumerate(blocks):
            after = width * 2**stage
            stages.append(
                nn.Sequential(
                    *(unit(before if i == 0 else after, after, 1 + (stage > 0 and i == 0)) for i in range(count))
                )
            )
            before = after
        self.layers = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.layers(x)), 1))


class PreActivation(nn.Module):
    def __init__(self, before, channels, stride=1):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, channels, 3, stride, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, 1, 1)
        self.skip = nn.Conv2d(before, channels, 1, stride) if stride > 1 or before != channels else nn.Identity()

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(out))) + self.skip(x)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.up(F.silu(self.down(self.pool(x)))))


class InvertedResidual(nn.Module):
    """Depthwise separable convolutions with squeeze and excitation."""

    def __init__(self, before, channels, stride=1):
        super().__init__()
        hidden = 2 * before
        self.branch = nn.Sequential(
            nn.Conv2d(before, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.SiLU(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.SiLU(inplace=True),
            SqueezeExcitation(hidden),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.adds = stride == 1 and before == channels

    def forward(self, x):
        return x + self.branch(x) if self.adds else self.branch(x)


class GroupedBottleneck(nn.Module):
    def __init__(self, before, channels, stride=1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, channels, 1),
            nn.GroupNorm(2, channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, 1, groups=4),
            nn.GroupNorm(2, channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
        )
        self.skip = nn.Conv2d(before, channels, 1, stride)

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


class DenseLayer(nn.Module):
    def __init__(self, before, growth):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(before), nn.Conv2d(before, growth, 3, padding=1, bias=False)

    def forward(self, features):
        return self.conv(F.relu(self.norm(torch.cat(features, 1))))


class DenseBlock(nn.Module):
    def __init__(self, before, growth=4, layers=3):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(before + i * growth, growth) for i in range(layers))

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, 1)


def densenet():
    transition = nn.Sequential(nn.BatchNorm2d(18), nn.ReLU(inplace=True), nn.Conv2d(18, 8, 1), nn.AvgPool2d(2))
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        DenseBlock(6),
        transition,
        DenseBlock(8),
        nn.BatchNorm2d(20),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(20, 5),
    )


class DoubleConv(nn.Sequential):
    def __init__(self, before, after):
        super().__init__(
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.first, self.second, self.bottom = (
            DoubleConv(3, width),
            DoubleConv(width, 2 * width),
            DoubleConv(2 * width, 16),
        )
        self.pool = nn.MaxPool2d(2)
        self.up2, self.after2 = nn.ConvTranspose2d(16, 2 * width, 2, 2), DoubleConv(4 * width, 2 * width)
        self.up1, self.after1 = nn.ConvTranspose2d(2 * width, width, 2, 2), DoubleConv(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        a = self.first(x)
        b = self.second(self.pool(a))
        c = self.bottom(self.pool(b))
        b = self.after2(torch.cat([self.up2(c), b], 1))
        return self.head(self.after1(torch.cat([self.up1(b), a], 1)))


class ViT(nn.Module):
    """Class token, learnt positions, pre-LN encoder of torch."""

    def __init__(self, width=16, layers=2):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.1 * torch.randn(1, 17, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.encoder(x))[:, 0])


class Attention(nn.Module):
    def __init__(self, width, heads=2):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, causal=False):
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        x = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(x.transpose(1, 2).flatten(2))


class SumsOutside(nn.Module):
    """Residual sums in the forward of the network, outside any module."""

    def __init__(self, width=16, layers=2):
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.attention = nn.ModuleList(Attention(width) for _ in range(layers))
        self.mlp = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.embed(x)
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            x = x + attention(x)
            x = x + mlp(x)
        return self.head(x.mean(1))


class GPTBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln1, self.attention, self.ln2 = nn.LayerNorm(width), Attention(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.ln1(x), causal=True)
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    """Token and position embeddings, the former shared with the head."""

    def __init__(self, words=30, width=16, layers=2):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(words, width), nn.Embedding(20, width)
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.ModuleList(GPTBlock(width) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.dropout(self.tokens(ids) + self.positions(torch.arange(ids.shape[1])))
        for block in self.blocks:
            x = block(x)
        return {"loss": None, "logits": self.head(self.norm(x))}


class RMSGated(nn.Module):
    """RMS norm, rotary positions and a gated MLP."""

    def __init__(self, width=16):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.gate, self.up, self.down = (
            nn.Linear(*sizes, bias=False) for sizes in ((width, 24), (width, 24), (24, width))
        )

    def rotate(self, x):
        half = x.shape[-1] // 2
        angles = torch.arange(x.shape[1])[:, None] * 0.3 ** torch.arange(half)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        weights = torch.softmax(self.rotate(q) @ self.rotate(k).mT / math.sqrt(q.shape[-1]), -1)
        x = x + self.out(weights @ v)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class MixerBlock(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, 12), nn.GELU(), nn.Linear(12, tokens))
        self.within = nn.Sequential(nn.Linear(width, 24), nn.GELU(), nn.Linear(24, width))

    def forward(self, x):
        x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.within(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.blocks = nn.Sequential(MixerBlock(16, width), MixerBlock(16, width))
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        return self.head(self.blocks(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


class ConvNeXtBlock(nn.Module):
    """Channels first outside, last inside."""

    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm, self.wide, self.narrow = (
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )
        self.scale = nn.Parameter(0.5 * torch.ones(width))

    def forward(self, x):
        y = self.depthwise(x).permute(0, 2, 3, 1)
        y = self.scale * self.narrow(F.gelu(self.wide(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnext(width=8):
    return nn.Sequential(
        nn.Conv2d(3, width, 2, 2),
        LayerNorm2d(width),
        ConvNeXtBlock(width),
        ConvNeXtBlock(width),
        LayerNorm2d(width),
        nn.Conv2d(width, 12, 2, 2),
        ConvNeXtBlock(12),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


class WindowBlock(nn.Module):
    """Attention inside windows, channels last."""

    def __init__(self, width, window=4, shift=0):
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        b, h, w, c = x.shape
        n = self.window
        y = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        y = y.view(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, n * n, c)
        y = self.attention(y).view(b, h // n, w // n, n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        x = x + torch.roll(y, (self.shift, self.shift), (1, 2))
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.stage1 = nn.Sequential(WindowBlock(width), WindowBlock(width, shift=2))
        self.merge = nn.Linear(4 * width, 2 * width, bias=False)
        self.stage2 = nn.Sequential(WindowBlock(2 * width), WindowBlock(2 * width, shift=2))
        self.norm, self.head = nn.LayerNorm(2 * width), nn.Linear(2 * width, 5)

    def forward(self, x):
        x = self.stage1(self.patches(x).permute(0, 2, 3, 1))
        x = torch.cat([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)
        return self.head(self.norm(self.stage2(self.merge(x))).mean((1, 2)))


class GatedConv1d(nn.Module):
    """Dilated causal convolutions with gates, as for sound."""

    def __init__(self, width, dilation):
        super().__init__()
        self.dilation, self.conv, self.out = (
            dilation,
            nn.Conv1d(width, 2 * width, 2, dilation=dilation),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x):
        a, b = self.conv(F.pad(x, (self.dilation, 0))).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


class Recurrent(nn.Module):
    def __init__(self, cell, batch_first, **settings):
        super().__init__()
        self.cell = cell(6, 10, batch_first=batch_first, **settings)
        self.batch_first, self.head = batch_first, nn.Linear(10 * (2 if settings.get("bidirectional") else 1), 4)

    def forward(self, x):
        states, _ = self.cell(x)
        return self.head(states[:, -1] if self.batch_first else states[-1])


class Inception(nn.Module):
    def __init__(self, before):
        super().__init__()
        self.one, self.three = nn.Conv2d(before, 4, 1), nn.Conv2d(before, 4, 3, padding=1)
        self.five = nn.Sequential(nn.Conv2d(before, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 5, padding=2))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(before, 4, 1))

    def forward(self, x):
        return F.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1))


class TwoInputs(nn.Module):
    """An image and a condition; gives a tuple."""

    def __init__(self):
        super().__init__()
        self.image, self.condition, self.head = nn.Linear(12, 16), nn.Linear(3, 16), nn.Linear(16, 4)
        self.act = nn.Tanh()

    def forward(self, image, condition=None, scale=1.0):
        hidden = self.act(self.image(image) * scale + self.condition(condition))
        return self.head(hidden), hidden


class Shared(nn.Module):
    """One layer applied again and again."""

    def __init__(self, width=16, times=4):
        super().__init__()
        self.embed, self.layer, self.head, self.times = (
            nn.Linear(12, width),
            nn.Linear(width, width),
            nn.Linear(width, 4),
            times,
        )
        self.act = nn.Tanh()

    def forward(self, x):
        x = self.act(self.embed(x))
        for _ in range(self.times):
            x = self.act(self.layer(x))
        return self.head(x)


class MadeInside(nn.Module):
    """Activations that are made in the forward, parameters in a list."""

    def __init__(self, width=12, layers=3):
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(width, width) / math.sqrt(width) for _ in range(layers))
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x):
        for weight in self.weights:
            x = nn.Tanh()(x @ weight)
        return nn.ReLU(inplace=True)(x * self.gain)


class Functional(nn.Module):
    """Activations and poolings as functions, as in a first tutorial."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 3)
        self.fc1, self.fc2 = nn.Linear(8 * 2 * 2, 20), nn.Linear(20, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.log_softmax(self.fc2(F.relu(self.fc1(torch.flatten(x, 1)[:, :32]))), 1)


def mlp(activation=nn.Tanh, width=20, layers=3, norm=None):
    parts = [nn.Flatten(), nn.Linear(192, width)]
    for _ in range(layers):
        parts += [norm(width)] if norm else []
        parts += [activation(), nn.Linear(width, width)]
    return nn.Sequential(*parts, activation(), nn.Linear(width, 5))


def vgg():
    layers, before = [], 3
    for size in (6, 8, "M", 8, "M"):
        if size == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(before, size, 3, padding=1), nn.ReLU(inplace=True)]
            before = size
    head = [nn.Flatten(), nn.Linear(8 * 4 * 4, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 5)]
    return nn.Sequential(nn.Sequential(*layers), nn.Sequential(*head))


def normed_by_parametrisation():
    layers = [
        parametrizations.weight_norm(nn.Linear(12, 14)),
        nn.ELU(),
        parametrizations.spectral_norm(nn.Linear(14, 14)),
    ]
    return nn.Sequential(*layers, nn.Softplus(), parametrizations.orthogonal(nn.Linear(14, 14)), nn.Tanh())


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Conv2d(6, 8, 3, 2, 1),
        nn.InstanceNorm2d(8, affine=True),
        nn.GELU(),
        nn.ConvTranspose2d(8, 6, 4, 2, 1),
        nn.PReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(6, 12, 3, padding=1),
        nn.PixelShuffle(2),
        nn.Sigmoid(),
    )


def encoder(batch_first, norm_first=False, layers=2):
    layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=batch_first, norm_first=norm_first)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def images(count=16):
    return torch.randn(count, 3, 16, 16)


def sequences(count=16, features=12):
    return torch.randn(count, 7, features)


class Experts(nn.Module):
    """The best ``chosen`` of several experts for each token; an expert that no token chooses is not called."""

    def __init__(self, width=16, experts=5, chosen=2):
        super().__init__()
        self.norm, self.gate, self.chosen = nn.LayerNorm(width), nn.Linear(width, experts), chosen
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 12), nn.GELU(), nn.Linear(12, width)) for _ in range(experts)
        )

    def forward(self, x):
        tokens = self.norm(x).flatten(0, -2)
        weights, indices = self.gate(tokens).topk(self.chosen, -1)
        mixed = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows, place = (indices == number).nonzero(as_tuple=True)
            if len(rows):
                mixed = mixed.index_add(0, rows, expert(tokens[rows]) * weights.softmax(-1)[rows, place, None])
        return x + mixed.view_as(x)


class FourierMixing(nn.Module):
    """Tokens mixed by complex filters between a Fourier transform and its inverse, then a feed-forward block."""

    def __init__(self, width=8, tokens=7):
        super().__init__()
        self.norm, self.filters = nn.LayerNorm(width), nn.Parameter(torch.randn(tokens // 2 + 1, width, 2) / 2)
        self.feed_forward = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def forward(self, x):
        spectrum = torch.fft.rfft(self.norm(x), dim=1) * torch.view_as_complex(self.filters)
        x = x + torch.fft.irfft(spectrum, n=x.shape[1], dim=1)
        return x + self.feed_forward(self.norm(x))


class CausalEncoder(nn.Module):
    """An encoder with a learnt first token, a causal mask and padding; the last token before the padding is read."""

    def __init__(self, width=16):
        super().__init__()
        self.embed, self.first = nn.Linear(6, width), nn.Parameter(torch.randn(1, 1, width))
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(width, 2, 32, 0.1, batch_first=True) for _ in range(2))
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        tokens = torch.cat([self.first.expand(len(x), -1, -1), self.embed(x)], 1)
        count = tokens.shape[1]
        causal = torch.triu(torch.ones(count, count, dtype=torch.bool), 1)
        padding = torch.zeros(len(x), count, dtype=torch.bool)
        padding[:, -2:] = True
        for layer in self.layers:
            tokens = layer(tokens, src_mask=causal, src_key_padding_mask=padding)
        return self.head(tokens[:, -3])


@dataclasses.dataclass(frozen=True)
class Answer:
    """What some libraries give back instead of a tensor."""

    logits: torch.Tensor
    hidden: tuple


class AnswersInside(nn.Module):
    """Blocks that hand on frozen data classes."""

    def __init__(self, width=10):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, answer):
        value = answer.logits if isinstance(answer, Answer) else answer
        hidden = torch.tanh(self.layer(value))
        return Answer(hidden, (value, hidden))


ARCHITECTURES = {
    "mlp": lambda: (mlp(), torch.randn(16, 3, 8, 8)),
    "mlp_batch_norm": lambda: (mlp(nn.ReLU, norm=nn.BatchNorm1d), torch.randn(16, 3, 8, 8)),
    "vgg_in_place": lambda: (vgg(), images()),
    "resnet": lambda: (ResNet(), images()),
    "resnet_pre_activation": lambda: (ResNet(unit=PreActivation), images()),
    "resnext_group_norm": lambda: (ResNet(unit=GroupedBottleneck), images()),
    "efficientnet": lambda: (ResNet(unit=InvertedResidual), images()),
    "densenet": lambda: (densenet(), images()),
    "inception": lambda: (nn.Sequential(Inception(3), Inception(16), nn.Flatten(), nn.Linear(4096, 5)), images(8)),
    "unet": lambda: (UNet(), images(8)),
    "autoencoder": lambda: (autoencoder(), images()),
    "convnext": lambda: (convnext(), images()),
    "swin": lambda: (Swin(), images()),
    "vit": lambda: (ViT(), images()),
    "mixer": lambda: (Mixer(), images()),
    "encoder_post_norm_batch_second": lambda: (
        encoder(False),
        sequences(7).transpose(0, 1).repeat(1, 2, 1) + 0.1 * torch.randn(7, 14, 12),
    ),
    "encoder_pre_norm": lambda: (encoder(True, True), sequences()),
    "sums_outside": lambda: (SumsOutside(), sequences()),
    "gpt_tokens": lambda: (GPT(), torch.randint(0, 30, (16, 9))),
    "rms_rotary_gated": lambda: (nn.Sequential(RMSGated(), RMSGated(), nn.Linear(16, 3)), sequences(features=16)),
    "conv1d_gated": lambda: (
        nn.Sequential(nn.Conv1d(4, 8, 1), GatedConv1d(8, 1), GatedConv1d(8, 2), GatedConv1d(8, 4)),
        torch.randn(16, 4, 12),
    ),
    "gru": lambda: (Recurrent(nn.GRU, True), sequences(features=6)),
    "lstm_batch_second": lambda: (Recurrent(nn.LSTM, False, num_layers=2, bidirectional=True), torch.randn(7, 16, 6)),
    "parametrised": lambda: (normed_by_parametrisation(), torch.randn(16, 12)),
    "two_inputs_tuple": lambda: (TwoInputs(), (torch.randn(16, 12), torch.randn(16, 3))),
    "shared_layer": lambda: (Shared(), torch.randn(16, 12)),
    "made_inside": lambda: (MadeInside(), torch.randn(16, 12)),
    "experts": lambda: (nn.Sequential(nn.Linear(6, 16), Experts(), Experts(chosen=1)), sequences(features=6)),
    "experts_of_images": lambda: (nn.Sequential(nn.Linear(6, 16), Experts(chosen=1), Experts()), torch.randn(16, 6)),
    "fourier_mixing": lambda: (nn.Sequential(nn.Linear(6, 8), FourierMixing(), FourierMixing()), sequences(features=6)),
    "causal_encoder": lambda: (CausalEncoder(), sequences(features=6)),
    "frozen_data_classes": lambda: (nn.Sequential(*(AnswersInside() for _ in range(3))), torch.randn(16, 10)),
    "functional": lambda: (Functional(), images()),
}


def architecture(name):
    """A network and inputs, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(sum(map(ord, name)))
        return ARCHITECTURES[name]()
