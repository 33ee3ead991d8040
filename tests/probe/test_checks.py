"""What cannot be probed is said in one sentence, and nothing of the user's is touched."""

import copy
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from nnstatmech.datasets import Dataset
from nnstatmech.probe.checks import ProbeError
from nnstatmech.probe.probe import COLUMNS, probe_model

from .architectures import architecture
from .networks import values


def x(count=16):
    return torch.randn(count, 12, generator=torch.Generator().manual_seed(0))


def plain():
    return nn.Sequential(nn.Linear(12, 10), nn.Tanh(), nn.Linear(10, 4))


class Ends(nn.Module):
    """A linear layer and a function of its output."""

    def __init__(self, function, width=12):
        super().__init__()
        self.linear, self.last, self.function = nn.Linear(width, width), nn.Linear(width, width), function

    def forward(self, *args):
        return self.last(self.function(self.linear(args[0])))


class Gives(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.linear, self.function = nn.Linear(12, 12), function

    def forward(self, x):
        return self.function(self.linear(x))


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = nn.utils.weight_norm(nn.Linear(12, 4))
    layer(x())
    return layer


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(plain())


def traced_inside():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.Linear(12, 12), torch.jit.trace(nn.Linear(12, 4), x()))


class NoCopy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 4)
        self.file = open(__file__)  # noqa: SIM115

    def forward(self, x):
        return self.linear(x)


CASES = {
    "scripted": (scripted, x, "the model is scripted or traced"),
    "traced inside": (traced_inside, x, "module '1' is scripted or traced"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(5)), x, "lazy and has no shape yet: call the model once"),
    "no module": (lambda: torch.tanh, x, "has to be a torch.nn.Module"),
    "weight norm of old": (old_weight_norm, x, "cannot be copied .*parametrizations.weight_norm"),
    "a file inside": (NoCopy, x, "cannot be copied"),
    "no image": (plain, lambda: torch.empty(0, 12), "there is no image among the inputs"),
    "nothing": (plain, lambda: {}, "there is no image among the inputs"),
    "one image": (plain, lambda: x(1), "one image: at least 2 are needed"),
    "integers": (plain, lambda: torch.randint(0, 5, (8, 12)), "of integers .* no embedding takes them"),
    "another shape": (plain, lambda: torch.randn(8, 13), r"refuses an input of shape \(3, 13\): mat1 and mat2"),
    "no floating output": (lambda: Gives(lambda y: y.argmax(1)), x, "output holds no floating-point tensor"),
    "text output": (lambda: Gives(lambda y: ("text", None)), x, "output holds no floating-point tensor"),
    "detached": (lambda: Gives(lambda y: y.detach()), x, "cannot be differentiated"),
    "argmax inside": (
        lambda: Ends(lambda y: nn.functional.one_hot(y.argmax(1), 12).to(y)),
        x,
        "cannot be differentiated",
    ),
    "not a number": (lambda: nn.Sequential(nn.Linear(12, 5), nn.Tanh(), Gives2()), x, r"block 2 \(2.*\) gives NaN"),
    "not a number in": (plain, lambda: x().log(), "the input gives NaN"),
    "mixed images": (lambda: Ends(lambda y: y - y.mean(0)), x, "layout of 'last', .*no axis counts images"),
    "mixed flat images": (
        lambda: nn.Sequential(nn.Flatten(), Gives(lambda y: y @ y.mT)),
        lambda: torch.randn(8, 3, 2, 2),
        r"no axis of the input, .*, counts images.*a layer may mix images",
    ),
    "a list of images": (
        lambda: Gives(lambda y: [{"logits": image} for image in y]),
        x,
        "the first floating-point tensor of the model's output knows nothing of some images",
    ),
    "no gradients": (lambda: NoGradients(), x, "cannot be differentiated.*no_grad"),
    "another way": (
        lambda: Branches(),
        lambda: torch.cat([-torch.ones(3, 12), torch.ones(5, 12)]) + 0.1 * torch.randn(8, 12),
        r"block 2 \(second\) is not reached by these inputs.*the model branches",
    ),
    "mixed sequences": (
        lambda: Ends(lambda y: y - y.mean((0, 1))),
        lambda: torch.randn(8, 5, 12),
        "no axis of the input, .*, counts images",
    ),
    "unknown kind": (
        lambda: nn.Sequential(Scaled(), Scaled()),
        lambda: torch.randn(8, 5, 6, 7),
        "no module of a known kind",
    ),
    "letters": (plain, x, "layout 'BB'"),
    "device type": (
        lambda: Gives(lambda y: y.float() @ torch.ones(12, 2, dtype=torch.float64)),
        x,
        "dtype=torch.float32",
    ),
}


class NoGradients(nn.Module):
    """A frozen body."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(12, 5), nn.Linear(5, 3)

    def forward(self, x):
        with torch.no_grad():
            hidden = self.body(x)
        return self.head(hidden)


class Branches(nn.Module):
    """A second layer for batches with a negative mean only."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(12, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        hidden = self.first(x)
        return self.last(self.second(hidden) if x.mean() < 0 else hidden)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.tanh(self.gain * x)


class Gives2(nn.Module):
    """Not a number for some images of a large batch only."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x):
        y = self.linear(x)
        return torch.cat([y[:3], y[3:] * float("nan")]) if len(y) > 3 else y


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_probed_is_said_in_one_sentence(name):
    model, inputs, message = CASES[name]
    with pytest.raises(ProbeError, match=message) as error:
        probe_model(model(), inputs(), layout="BB" if name == "letters" else None)
    one_line(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": 3}, "several initialisations need build="),
        ({"seeds": 0}, "at least one realisation"),
        ({"lenses": ("noise", "nose")}, "lenses = .*must be some of noise, gradient, cascade"),
        ({"lenses": ()}, "lenses"),
        ({"batch": 1}, "at least 2 images"),
        ({"batch_norm": "eval"}, "batch_norm = 'eval': must be one of held, batch, running"),
        ({"build": plain}, "either a model or build="),
        ({"states": [{"a": torch.ones(1)}]}, "state 0 does not fit the model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_arguments_that_contradict(arguments, message):
    with pytest.raises(ProbeError, match=message) as error:
        probe_model(plain(), x(), **arguments)
    one_line(error)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ("plain", "write file.py:function"),
        ("missing.py:build", "there is no file missing.py"),
        ("torchvision:no_such_network", "no function 'no_such_network'|torchvision.models is not installed"),
        ("examples:nothing", "no function 'nothing'"),
    ],
)
def test_models_by_names_that_do_not_exist(build, message):
    with pytest.raises(ProbeError, match=message):
        probe_model(None, x(), build=build)


def test_files_that_fail(tmp_path):
    broken, wrong = tmp_path / "broken.py", tmp_path / "wrong.py"
    broken.write_text("def build(:\n")
    wrong.write_text("def build(width=3):\n    return width\n")
    with pytest.raises(ProbeError, match=r"broken.py cannot be executed: SyntaxError"):
        probe_model(None, x(), build=f"{broken}:build")
    with pytest.raises(ProbeError, match="gives a int, not a"):
        probe_model(None, x(), build=f"{wrong}:build")


# --- what stays as it was ---------------------------------------------------------------------------------------------


def fingerprint(model):
    return {
        "state": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "training": [module.training for module in model.modules()],
        "grad": [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()],
        "hooks": [
            (dict(m._forward_hooks), dict(m._forward_pre_hooks), dict(m._backward_hooks)) for m in model.modules()
        ],
        "identity": [id(p) for p in model.parameters()],
    }


def assert_equal(a, b):
    for key in a["state"]:
        assert torch.equal(a["state"][key], b["state"][key])
    assert a["training"] == b["training"]
    assert a["hooks"] == b["hooks"]
    assert a["identity"] == b["identity"]
    for (flag, grad), (other_flag, other) in zip(a["grad"], b["grad"], strict=True):
        assert flag == other_flag
        assert (grad is None) == (other is None)
        assert grad is None or torch.equal(grad, other)


@pytest.mark.parametrize("name", ["resnet", "vgg_in_place", "gpt_tokens", "parametrised", "lstm_batch_second", "vit"])
@pytest.mark.parametrize("mode", [None, "batch"])
def test_model_inputs_generators_and_switches_are_untouched(name, mode):
    model, inputs = architecture(name)
    model.train()
    next(iter(model.children())).eval()
    model.register_forward_hook(lambda module, arguments, output: None)
    next(model.parameters()).requires_grad_(False)
    if inputs.is_floating_point():
        inputs.requires_grad_()
        loss = sum(t.square().sum() for t in [model(inputs)])
        loss.backward()
    before, given, version = fingerprint(model), inputs.detach().clone(), inputs._version
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    switches = (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
    )
    with torch.no_grad():
        first = probe_model(model, inputs, batch_norm=mode)
        second = probe_model(model, inputs, batch_norm=mode)
    np.testing.assert_array_equal(first["value"], second["value"])
    assert_equal(before, fingerprint(model))
    assert torch.equal(inputs, given)
    assert inputs._version == version
    assert inputs.grad is None or inputs.requires_grad
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert states[2] == random.getstate()
    assert switches == (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
    )
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_hooks_and_switches_are_put_back_after_an_error():
    with pytest.raises(ProbeError):
        probe_model(nn.Sequential(nn.Linear(12, 5), nn.Linear(4, 4)), x())
    assert not torch.nn.modules.module._global_forward_hooks
    assert torch.get_default_dtype() == torch.float32
    assert torch.backends.mha.get_fastpath_enabled()


# --- what can be given ------------------------------------------------------------------------------------------------


def test_builds_seeds_and_states(tmp_path):
    file = tmp_path / "my_models.py"
    file.write_text(
        "from torch import nn\n"
        "def build(width=10):\n"
        "    return nn.Sequential(nn.Linear(12, width), nn.Tanh(), nn.Linear(width, 4))\n"
    )
    table = probe_model(None, x(), build=f"{file}:build", seeds=3, lenses=("noise",))
    assert tuple(table.columns) == COLUMNS
    assert sorted(table["seed"].unique()) == [0, 1, 2]
    again = probe_model(None, x(), build=f"{file}:build", seeds=[2], lenses=("noise",))
    np.testing.assert_array_equal(table[table["seed"] == 2]["value"], again["value"])
    assert values(table[table["seed"] == 0], "log_chi")[2] != values(table[table["seed"] == 1], "log_chi")[2]

    network = plain()
    states = {0: copy.deepcopy(network.state_dict())}
    with torch.no_grad():
        network[0].weight.mul_(3)
    states[100] = network.state_dict()
    torch.save(states[100], tmp_path / "late.pt")
    both = probe_model(network, x(), states=states, lenses=("noise",))
    assert list(both["state"].unique()) == [0, 100]
    late = probe_model(network, x(), states=[tmp_path / "late.pt"], lenses=("noise",))
    np.testing.assert_array_equal(both[both["state"] == 100]["value"], late["value"])
    assert len(both.attrs["model"]) == 2


def test_a_model_is_probed_in_the_state_given():
    network = plain()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network[0].weight.copy_(torch.eye(12)[:10])
    table = probe_model(network, x(), lenses=("noise",))
    expected = torch.tanh(x()[:, :10].double()).square().mean()
    assert values(table, "nu2_signal")[1] == pytest.approx(float(expected), rel=1e-12)


def test_images_arrays_data_sets_and_folders(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    table = probe_model(network, pixels, lenses=("noise",))
    assert values(table, "mu2_signal")[0] == pytest.approx(1)
    dataset = Dataset("mine", pixels, None, pixels[:0], None, "random pixels", stand_in=False)
    np.testing.assert_array_equal(probe_model(network, dataset, lenses=("noise",))["value"], table["value"])
    for index, image in enumerate(pixels):
        (tmp_path / f"class{index % 2}").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"class{index % 2}" / f"{index}.png")
    folder = probe_model(network, tmp_path, lenses=("noise",))
    assert values(folder, "nu2_signal")[1] == pytest.approx(values(table, "nu2_signal")[1], rel=1e-9)
    with pytest.raises(ProbeError, match="there is no image in"):
        probe_model(network, tmp_path / "class0" / "..", layout=None) if False else probe_model(
            network, empty(tmp_path)
        )
    with pytest.raises(ProbeError, match="there is no folder"):
        probe_model(network, tmp_path / "missing")


def empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_keyword_inputs_and_constants():
    model, (image, condition) = architecture("two_inputs_tuple")
    positional = probe_model(model, (image, condition), forward={"scale": 2.0})
    named = probe_model(model, {"image": image, "condition": condition}, forward={"scale": 2.0})
    np.testing.assert_array_equal(positional["value"], named["value"])
    other = probe_model(model, (image, condition))
    assert values(other, "log_chi").iloc[-1] != values(named, "log_chi").iloc[-1]


class Clipped(torch.autograd.Function):
    """A function with a backward pass and no forward derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (1 - torch.tanh(x) ** 2)


class OnceDifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (1 - torch.tanh(x) ** 2)


@pytest.mark.parametrize(("function", "method"), [(Clipped, "double_backward"), (OnceDifferentiable, "differences")])
def test_operators_without_forward_derivative(function, method):
    class Custom(nn.Module):
        def __init__(self, act):
            super().__init__()
            self.act = act

        def forward(self, x):
            return x + self.act(x)

    torch.manual_seed(0)
    first, _, last = plain()
    network = nn.Sequential(first, Custom(function.apply), last)
    reference = nn.Sequential(first, Custom(torch.tanh), last)
    table, expected = (probe_model(model, x(), lenses=("noise", "gradient")) for model in (network, reference))
    assert table.attrs["method"] == [method]
    for quantity in ("log_chi", "log_mu2_noise", "log_gradient"):
        np.testing.assert_allclose(values(table, quantity), values(expected, quantity), rtol=1e-6, atol=1e-7)


def test_few_rows_behind_a_batch_norm_are_warned_of():
    model, inputs = architecture("mlp_batch_norm")
    with pytest.warns(UserWarning, match="takes its statistics from 16 rows"):
        probe_model(model, inputs, lenses=("noise",))


def test_dropout_is_off_whatever_calls_it():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(12, 12)

        def forward(self, x):
            return nn.functional.dropout(torch.dropout(self.linear(x), 0.5, True), 0.5)

    network = Careless()
    table, without = (probe_model(model, x(), lenses=("noise",)) for model in (network, network.linear))
    np.testing.assert_array_equal(values(table, "nu2_signal"), values(without, "nu2_signal"))


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.first, self.last, self.reentrant = nn.Linear(12, 10), nn.Linear(10, 4), reentrant
        self.middle = nn.Sequential(nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 10))

    def forward(self, x):
        hidden = self.first(x)
        if self.reentrant is None:
            return self.last(self.middle(hidden))
        return self.last(checkpoint(self.middle, hidden, use_reentrant=self.reentrant))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints(reentrant):
    """What a checkpoint of the older kind hides is one block; everything else is as without."""
    torch.manual_seed(0)
    reference, network = Checkpointed(None), Checkpointed(reentrant)
    network.load_state_dict(reference.state_dict())
    expected, found = (probe_model(model, x(), lenses=("noise", "gradient")) for model in (reference, network))
    for quantity in ("log_chi", "log_gradient", "log_mu2_signal"):
        ends = values(expected, quantity).iloc[[0, 1, -1]].to_numpy()
        np.testing.assert_allclose(values(found, quantity).iloc[[0, 1, -1]], ends, rtol=1e-6, atol=1e-8)


def test_networks_that_draw_numbers_draw_the_same_in_every_pass():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(12, 10), nn.Linear(10, 4)

        def forward(self, x):
            hidden = self.first(x)
            return self.last(hidden + torch.randn_like(hidden))

    network = Noisy()
    np.testing.assert_array_equal(*(probe_model(network, x())["value"] for _ in range(2)))


def test_one_number_an_image_and_a_loss_beside_the_outputs():
    """A head that squeezes its output, and a loss in front of it: the table is that of the output alone."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 1))

    class Squeezed(nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.network, self.answer = network, answer

        def forward(self, x):
            return self.answer(self.network(x).squeeze())

    expected = probe_model(network, x(), lenses=("noise", "gradient"))["value"]
    for answer in (lambda y: y, lambda y: {"loss": y.mean(), "logits": y}):
        found = probe_model(Squeezed(answer), x(), lenses=("noise", "gradient"))
        np.testing.assert_allclose(found["value"], expected, rtol=1e-12, atol=1e-12)


class ComplexLayer(nn.Module):
    """Two layers with complex weights, written in complex numbers or in pairs of real ones."""

    def __init__(self, pairs):
        super().__init__()
        self.weight, self.pairs = nn.Parameter(torch.randn(4, 6, dtype=torch.complex64)), pairs
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        if not self.pairs:
            return self.head((x.to(self.weight.dtype) @ self.weight.mT).abs())
        real, imaginary = x @ self.weight.real.mT, x @ self.weight.imag.mT
        return self.head((real.square() + imaginary.square()).sqrt())


def test_complex_weights_keep_their_imaginary_parts():
    torch.manual_seed(0)
    network, pairs = ComplexLayer(False), ComplexLayer(True)
    pairs.load_state_dict(network.state_dict())
    inputs = torch.randn(8, 6)
    found, expected = (probe_model(model, inputs, lenses=("noise", "gradient")) for model in (network, pairs))
    assert found.attrs["unused_parameters"] == 0
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-9, atol=1e-12)


def test_a_single_module_is_a_network():
    blocks = probe_model(nn.Linear(12, 4), x(), lenses=("noise",)).drop_duplicates("block")
    assert list(blocks["name"]) == list(blocks["kind"]) == ["input", "Linear"]
    assert list(blocks["parameters"]) == [0, 52]
