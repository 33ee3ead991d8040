"""The law of the cutoff without a fit, against decoders of networks for which it is exact, and on MNIST."""

import numpy as np
import pytest
import torch

from nnstatmech.cascades.decoders import ridge
from nnstatmech.cascades.decoders.cascade import fit_cascade, reconstruct
from nnstatmech.cascades.decoders.ridge import Ridge
from nnstatmech.cascades.entropies import explained_variance
from nnstatmech.cascades.image_moments import ImageMoments, image_moments
from nnstatmech.cascades.images import grey_part
from nnstatmech.cascades.networks import Dense, linear
from nnstatmech.cascades.params import Entropies
from nnstatmech.cascades.tasks.entropies import run
from nnstatmech.cascades.theory import explained_variances, gains, lost_depth
from nnstatmech.theory.mean_field import MeanField

from .samples import CPU, labelled_blobs


def correlated_images(count=2000, pixels=12):
    """Images with a spectrum of two decades, small enough that decoders never clamp."""
    stream = np.random.default_rng(1)
    return 0.1 + stream.normal(size=(count, pixels)) * np.geomspace(0.1, 0.01, pixels)


def test_moments_of_images():
    images = correlated_images()
    moments = image_moments(images)
    assert moments.mean_square == pytest.approx(np.square(images).mean())
    assert moments.variance == pytest.approx(images.var(0).mean())
    assert (np.diff(moments.variances) <= 0).all()


def rounding_of_products(layer_gains, variance, strength):
    """What float32 products move R² by, at each depth: gains g, total ``variance`` v of the images, strength λ.

    A sum of n products with partial sums rounded at random, each by ε/√3 of itself, is uncertain by γ = ε √n / 3 of
    the product of its factors' norms. In the norm of Frobenius the Gram matrix is then off by γ g v, and the products
    with the images by γ √(g v v): a decoder's images by γ √(g v / λ) of their norm √v, because √s / (s + λ) is at most
    1 / (2 √λ) and a decoder's weights at most 1 / √g. Decoders below shrink them. R² moves by at most twice as much.
    """
    epsilon = torch.finfo(torch.float32).eps / 2
    uncertainty = epsilon * ridge.IMAGES_OF_A_SUM**0.5 / 3
    return 2 * uncertainty * np.cumsum(np.sqrt(layer_gains * variance / strength))


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("strength", [2e-3, 5e-5])
def test_exact_for_ridge_decoders_of_scaled_rotations(depth, strength):
    """W = √g O in every layer: gains are g, g², ..., and directions stay what they are."""
    gain = 0.6
    images = torch.tensor(correlated_images(), dtype=torch.float64)[None]
    layers = [Dense(12, 12, linear, bias=False)] * depth
    stream = torch.Generator().manual_seed(3)
    rotations = [torch.linalg.qr(torch.randn(12, 12, generator=stream, dtype=torch.float64))[0] for _ in layers]
    parameters = [[(gain**0.5 * rotation[None], None)] for rotation in rotations]
    decoders, outputs = fit_cascade(
        layers, parameters.__getitem__, Ridge(strength), images, images, range(1, depth + 1)
    )
    measured = explained_variance(images[0], reconstruct(decoders, outputs)[0])
    layer_gains, variances = gain ** np.arange(1, depth + 1), image_moments(images[0].numpy()).variances
    law = explained_variances(layer_gains, variances, strength)
    if strength < ridge.SINGLE_PRECISION:
        np.testing.assert_allclose(measured, law, rtol=1e-9)
    else:
        allowed = rounding_of_products(layer_gains, variances.sum(), strength)
        assert (np.abs(np.asarray(measured) - law) <= allowed).all()


def test_nothing_is_lost_without_a_ridge_and_without_layers_that_matter():
    variances = np.array([1.0, 0.1, 0.0])
    np.testing.assert_allclose(explained_variances(0.5 ** np.arange(1, 9), variances, 1e-14), 1, atol=1e-9)
    np.testing.assert_allclose(explained_variances(np.zeros(3), variances, 1e-3), 0)


def test_one_direction_is_lost_a_correlation_depth_later_for_each_factor_e():
    """With one eigenvalue R² falls where s g(l) = λ up to a constant, and g(l) decays as exp(-l/ξ)."""
    field = MeanField(1.5, 0.05)
    moments = ImageMoments(0.1, np.array([0.08]))
    lost = [lost_depth(field, moments, strength, 0.1, 600) for strength in (1e-8, 1e-12)]
    # Interpolation between whole depths: some hundredths of a layer, of 145.
    assert np.diff(lost)[0] / field.correlation_depth == pytest.approx(np.log(1e4), rel=5e-4)
    assert np.isnan(lost_depth(field, moments, 1e-8, 0.1, 10))


def test_gains_are_the_variances_of_wide_networks():
    """Two inputs' differences after each layer of a network of 3000 units, tanh, in order and in chaos."""
    stream = np.random.default_rng(0)
    width = 3000
    images = 0.4 + 0.3 * stream.normal(size=(12, width))
    spread = images.var(0, ddof=1).mean()
    moments = ImageMoments(float(np.square(images).mean()), np.array([spread]))
    for variance in (0.7, 2.5):
        expected = gains(MeanField(variance, 0.05), moments, 5)
        x = images
        for gain in expected:
            weight = stream.normal(size=(width, width)) * np.sqrt(variance / width)
            x = np.tanh(x @ weight + stream.normal(size=width) * np.sqrt(0.05))
            # 3000 units and 11 differences: some 2 % a layer.
            assert x.var(0, ddof=1).mean() / spread == pytest.approx(gain, rel=0.06)


def test_tasks_record_the_moments_of_their_images():
    params = Entropies(depth=3, resolution=8, weight_variances=[0.7, 1.0], train_images=200, test_images=50)
    frame = run(params, [0, 1], labelled_blobs(side=8), CPU).to_pandas()
    spectra = frame[frame["quantity"] == "image_variance"]
    assert spectra.groupby("seed")["mode"].apply(list).tolist() == 2 * [list(range(1, 65))]
    assert spectra["weight_variance"].isna().all()
    assert (frame["quantity"] == "image_mean_square").sum() == 2


@pytest.mark.slow
@pytest.mark.official_data
@pytest.mark.parametrize(
    ("resolution", "variance", "expected"), [(14, 0.7, 6.94), (14, 1.0, 6.33), (10, 0.7, 6.21), (28, 1.0, 7.63)]
)
def test_cutoffs_on_mnist(official_dataset, resolution, variance, expected):
    """Reference values of an independent implementation; they were computed on other subsets of the images."""
    images, _ = grey_part(official_dataset("mnist"), "train", 8000, resolution)
    field = MeanField(variance, 0.05)
    lost = lost_depth(field, image_moments(images.numpy()), 1e-3, 0.1, 200)
    assert lost / field.correlation_depth == pytest.approx(expected, abs=0.04)
