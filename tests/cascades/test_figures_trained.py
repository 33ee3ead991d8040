"""Figures of trained networks on small tables."""

import io

import numpy as np
import pytest

from nnstatmech.cascades.figures import channel_images, decoded_images, trained_depths

from .samples import (
    accuracy_grid,
    cascades_of_networks,
    channel_pictures,
    reconstructions,
    shrinking_cascades,
    walks,
)


def text_of(figure) -> str:
    """All text of a drawn figure."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return "\n".join(artist.get_text() for artist in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_trainability_alone_and_beside_entropies():
    grid = accuracy_grid()
    alone = trained_depths.trainability(grid, scale="laptop")
    text = text_of(alone)
    assert "test accuracy after 20 steps" in text
    assert "critical" in text
    both = trained_depths.trainability(grid, cascades_of_networks(), scale="laptop")
    assert "differential entropy / nats" in text_of(both)
    assert "36 units a layer" in text_of(both)
    assert "64 units a layer" in text_of(both)
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
    figure = trained_depths.falling(walks(), shrinking_cascades(), scale=scale)
    assert figure.axes[0].get_title() == "trains: accuracy above 0.350 (without hidden layers: 0.300, dotted)"
    assert "best test accuracy" in text_of(figure)
    (reach,) = [line for line in figure.axes[0].lines if "R^2" in line.get_label()]
    # R² of the outputs is 0.4, 0.2, 0 at 10, 20, 30 sizes, but at 2.5 the deepest network does not lose the image.
    np.testing.assert_allclose(reach.get_xydata(), [[0.5, 25], [1.5, 25]])
    bars = figure.axes[0].patches
    assert len(bars) == 2 * 5
    found = {round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height() for bar in bars[5:]}
    assert found == {1.1: 20, 1.4: 20, 1.7: 25, 2.0: 20, 2.3: 20}
    assert {bar.get_height() for bar in bars[:5]} == {30}


def test_reconstruction_says_how_many_digits_are_decided_as_intended():
    figure = decoded_images.reconstruction(reconstructions(missed=(4,)), scale="laptop")
    text = text_of(figure)
    assert "9 of 10 classified as intended" in text
    assert "decided: 5" in text
    assert "test accuracy 0.93" in text


def test_scheme_shows_every_layer_of_the_first_image():
    figure = decoded_images.scheme(reconstructions(), scale="laptop")
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
    figure = channel_images.channels(channel_pictures(), scale="laptop")
    text = text_of(figure)
    assert "test accuracy 0.61" in text
    assert "each of 20 channels of layer 3, conv 2" in text
    assert "pool 1" in text


def test_silent_channels_are_white():
    table = channel_pictures()
    group = table[(table.quantity == "channel") & (table.layer == 3) & (table.image == 0)]
    silent, heard, *_ = channel_images.channel_pictures(group)  # mean activations 0, 1, ..., 19
    assert silent.min() == 1
    assert heard.min() == 0


def test_weight_variances_at_which_nothing_trains_are_marked():
    table = walks()
    table.loc[(table.weight_variance == 1.1) & (table.quantity == "trained"), "value"] = 0
    figure = trained_depths.falling(table, scale="laptop")
    (none,) = [line for line in figure.axes[0].lines if line.get_label() == "none trains"]
    np.testing.assert_allclose(none.get_xdata(), [1.1])
