"""Figures and measures of trained networks on small tables."""

import io

import numpy as np
import pandas as pd
import pytest

from nnstatmech.cascades import measures
from nnstatmech.cascades.figures import trained as figures
from nnstatmech.readings import NotMeasured
from nnstatmech.theory.mean_field import MeanField


def table(rows, runs=("single",), **parameters) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    if "run" not in frame:
        frame.insert(0, "run", "single")
    frame.attrs["runs"] = dict.fromkeys(runs, parameters)
    return frame


def text_of(figure) -> str:
    """All text of a drawn figure."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return "\n".join(artist.get_text() for artist in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def accuracy_grid() -> pd.DataFrame:
    """Networks train exactly up to 6 ξ_c deep on the ordered side, and to depth 20 on the other."""
    rows = []
    for seed in (0, 1):
        for variance in np.arange(0.5, 4.01, 0.5):
            capacity = 6 * MeanField(variance, 0.05).correlation_depth if variance < 1.76 else 20
            for depth in (5, 20, 40, 60):
                for step, final in ((10, 0.1), (20, 0.8 + 0.1 * seed if depth <= capacity else 0.1 + 0.02 * seed)):
                    position = {"seed": seed, "weight_variance": variance, "depth": depth, "step": step}
                    rows.append(position | {"quantity": "accuracy", "value": final})
    return table(rows, bias_variance=0.05)


def entropy_map() -> pd.DataFrame:
    rows = []
    for variance in (0.5, 1.5, 2.5):
        for depth in (1, 30, 60):
            position = {"method": "ridge", "seed": 0, "weight_variance": variance, "depth": depth}
            rows.append(position | {"quantity": "differential_entropy", "value": -5.0 - depth / 10})
        cutoff = {"method": "ridge", "seed": 0, "weight_variance": variance, "quantity": "cutoff_explained_variance"}
        rows.append(cutoff | {"value": 12.0 if variance < 2 else None})
    return table(rows, bias_variance=0.05)


def walks() -> pd.DataFrame:
    rows = []
    for direction, sign in (("falling", -1), ("rising", 1)):
        attempts = [
            (1.7, 30, 0),
            (1.7, 25, 1),
            (1.7 + 0.3 * sign, 25, 0),
            (1.7 + 0.3 * sign, 20, 1),
            (1.7 + 0.6 * sign, 20, 1),
        ]
        for attempt, (variance, depth, trained) in enumerate(attempts):
            position = {"run": f"direction={direction}", "direction": direction, "seed": 0, "attempt": attempt}
            position |= {"weight_variance": round(variance, 9), "depth": depth}
            for quantity, value in (("accuracy", 0.2 + 0.2 * trained), ("trained", trained), ("epochs", 3)):
                rows.append(position | {"quantity": quantity, "value": value})
    runs = ("direction=falling", "direction=rising")
    return table(rows, runs, bias_variance=0.05, threshold=0.4, variance_step=0.3, start_depth=30)


def pictures(height, width, channels, **position) -> dict:
    pixels = np.linspace(-0.2, 1.2, height * width * channels).astype(np.float32)
    return position | {"pixels": pixels, "height": height, "width": width, "channels": channels}


def reconstructions(missed=()) -> pd.DataFrame:
    rows = [{"seed": 0, "quantity": "accuracy", "value": 0.93}]
    for label in range(10):
        value = (label + 1) % 10 if label in missed else label
        rows.append(pictures(4, 4, 1, seed=0, quantity="class_optimal", label=label, value=value))
    for image in (3, 8):
        rows.append(pictures(4, 4, 1, seed=0, quantity="input", image=image, label=5))
        for layer, units in ((1, 16), (2, 12), (3, 10)):
            here = {"seed": 0, "image": image, "layer": layer}
            rows.append(pictures(4, 4, 1, **here, quantity="reconstruction"))
            rows.append(pictures(1, units, 1, **here, quantity="activation"))
    return table(rows, background=-1.0)


def channel_pictures() -> pd.DataFrame:
    rows = [{"seed": 0, "quantity": "accuracy", "value": 0.61}, {"seed": 0, "quantity": "test_images", "value": 2000}]
    for image in (0, 1):
        rows.append(pictures(4, 4, 3, seed=0, quantity="input", image=image))
        for layer in (1, 2, 3):
            rows.append(pictures(4, 4, 3, seed=0, quantity="reconstruction", image=image, layer=layer))
        for layer, count in ((1, 3), (3, 20)):
            for channel in range(count):
                position = {"seed": 0, "quantity": "channel", "image": image, "layer": layer, "channel": channel}
                rows.append(pictures(4, 4, 3, **position, value=float(channel)))
    return table(rows, layers=[4, "M", 20])


def test_trainability_alone_and_beside_entropies():
    tables = {"grid": accuracy_grid(), "map": entropy_map()}
    alone = figures.trainability({"grid": tables["grid"]}, scale="laptop", accuracy="grid")
    text = text_of(alone)
    assert "test accuracy after 20 steps" in text
    assert "critical" in text
    both = figures.trainability(tables, scale="laptop", accuracy="grid", entropies="map")
    assert "differential entropy / nats" in text_of(both)
    # Two panels and their colour bars.
    assert len(both.axes) == 2 * len(alone.axes) == 4
    (mesh,) = [artist for artist in alone.axes[0].collections if artist.get_array() is not None]
    np.testing.assert_allclose(mesh.get_array().reshape(4, 8)[0], 0.85)  # depth 5 trains everywhere
    # The critical line of theory, not typed in.
    lines = {line.get_label(): line for line in alone.axes[0].lines}
    assert lines["critical"].get_xdata()[0] == pytest.approx(1.760955, abs=1e-6)
    ratio = np.asarray(lines[r"$6\,\xi_c$"].get_ydata()) / lines[r"$\xi_c$"].get_ydata()
    np.testing.assert_allclose(ratio, 6)


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_falling_bars_have_the_depths_that_trained(scale):
    figure = figures.falling({"walk": walks(), "map": entropy_map()}, scale=scale, walk="walk", entropies="map")
    assert "best test accuracy" in text_of(figure)
    (cutoff,) = [line for line in figure.axes[0].lines if "R^2" in line.get_label()]
    # At 2.5 the stand-in's cascade does not lose the image.
    np.testing.assert_allclose(cutoff.get_xydata(), [[0.5, 12], [1.5, 12]])
    bars = figure.axes[0].patches
    assert len(bars) == 2 * 5
    found = {round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height() for bar in bars[5:]}
    assert found == {1.1: 20, 1.4: 20, 1.7: 25, 2.0: 20, 2.3: 20}
    assert {bar.get_height() for bar in bars[:5]} == {30}


def test_reconstruction_says_how_many_digits_are_decided_as_intended():
    figure = figures.reconstruction({"net": reconstructions(missed=(4,))}, scale="laptop", network="net")
    text = text_of(figure)
    assert "9 of 10 classified as intended" in text
    assert "decided: 5" in text
    assert "test accuracy 0.93" in text


def test_scheme_shows_every_layer_of_the_first_image():
    figure = figures.scheme({"net": reconstructions()}, scale="laptop", network="net")
    text = text_of(figure)
    for expected in (
        "input\n16 units",
        "layer 1\n16 units",
        "layer 2\n12 units",
        "output\n10 units",
        "from the output",
    ):
        assert expected in text


def test_channels_in_rows_and_mosaics():
    figure = figures.channels({"net": channel_pictures()}, scale="laptop", network="net")
    text = text_of(figure)
    assert "test accuracy 0.61" in text
    assert "each of 20 channels of layer 3, conv 2" in text
    assert "pool 1" in text


def test_pictures_are_clipped_and_shaped():
    grey = next(pd.DataFrame([pictures(2, 3, 1)]).itertuples())
    assert figures.picture(grey).shape == (2, 3)
    assert (figures.picture(grey).min(), figures.picture(grey).max()) == (0, 1)
    colour = next(pd.DataFrame([pictures(2, 3, 3), {}]).itertuples())  # sizes as decimal numbers
    assert figures.picture(colour).shape == (2, 3, 3)


# --- measures ----------------------------------------------------------------------------------


def test_accuracy_of_a_band_of_variances():
    found = measures.mean_accuracy(accuracy_grid(), depth=20, lowest=1.5, highest=2.5)
    # Seeds reach 0.8 and 0.9: mean 0.85 ± 0.1 / √2 / √2.
    assert (found.value, found.standard_error) == pytest.approx((0.85, 0.05))
    with pytest.raises(NotMeasured, match="depth 30"):
        measures.mean_accuracy(accuracy_grid(), depth=30, lowest=1.5, highest=2.5)


def test_networks_beyond_the_correlation_depth():
    assert measures.accuracy_beyond(accuracy_grid(), correlation_depths=6).value == pytest.approx(0.11)
    assert measures.accuracy_beyond(accuracy_grid(), correlation_depths=1).value > 0.2
    with pytest.raises(NotMeasured, match="no ordered network"):
        measures.accuracy_beyond(accuracy_grid(), correlation_depths=1e3)


def test_falling_depth_counts_the_networks_that_trained():
    found = measures.falling_depth(walks(), lowest=1.0, highest=1.5)
    expected = [20 / MeanField(variance, 0.05).correlation_depth for variance in (1.1, 1.4)]
    assert found.value == pytest.approx(np.mean(expected))
    with pytest.raises(NotMeasured, match="1 weight variances"):
        measures.falling_depth(walks(), lowest=1.65, highest=1.75)


def test_intended_classes_and_accuracy():
    assert measures.intended_classes(reconstructions(missed=(1, 2))).value == 8
    found = measures.image_accuracy(channel_pictures())
    assert (found.value, found.standard_error) == pytest.approx((0.61, np.sqrt(0.61 * 0.39 / 2000)))
    loaded = channel_pictures()
    loaded = loaded[loaded.quantity != "accuracy"]
    with pytest.raises(NotMeasured, match="loaded"):
        measures.image_accuracy(loaded)
