"""Parameters and multiply-adds of larger networks and of heads, added layer by layer.

The sums are of published layer tables. Where a network here computes something in another way, the sum says so.
"""

import jax
import jax.numpy as jnp
import pytest
from counted import multiply_adds, parameters
from filling import shapes

from jaxseg import counting, models
from jaxseg.layers import Numerics
from jaxseg.models.danet import DANetHead
from jaxseg.models.denseunet import SIZES
from jaxseg.models.psanet import PSANetHead

FLOAT32 = Numerics(jnp.float32)


def conv(inputs, outputs, taps=3, biases=False):
    return taps**2 * inputs * outputs + biases * outputs


def norm(channels):
    return 2 * channels


def cbr(inputs, outputs, taps=3):
    return conv(inputs, outputs, taps) + norm(outputs)


def hdenseunet(widths, classes):
    """DenseNet's order: normalisation, ReLU, convolution without bias; the decoder has biases."""
    stem, growth, blocks, head = widths
    total, channels, skips = conv(3, stem, 7) + norm(stem), stem, [stem]
    for block, layers in enumerate(blocks):
        for _ in range(layers):
            total += norm(channels) + conv(channels, 4 * growth, 1) + norm(4 * growth) + conv(4 * growth, growth)
            channels += growth
        if block < 3:
            skips.append(channels)
            total += norm(channels) + conv(channels, channels // 2, 1)
            channels //= 2
    total += norm(channels) + conv(skips[3], channels, 1, biases=True)
    for outputs in (skips[2], skips[1], stem, stem, head):
        total += conv(channels, outputs, biases=True) + norm(outputs)
        channels = outputs
    return total + conv(head, classes, 1, biases=True)


def dacn(widths, branch):
    """Convolutions without bias, then normalisation; the stem has biases alone. The last stage is three branches."""
    stem, growth, blocks, _ = widths
    total, channels, skips = conv(3, stem, biases=True) + 2 * conv(stem, stem, biases=True), stem, [stem]
    for block, layers in enumerate(blocks):
        for _ in range(layers):
            total += cbr(channels, 4 * growth, 1) + cbr(4 * growth, growth)
            channels += growth
        if block < 3:
            skips.append(channels)
            total += cbr(channels, channels // 2, 1)
            channels //= 2
    for outputs, taps in ((skips[3], 1), (skips[2], 3), (skips[1], 3), (stem, 3), (stem, 3)):
        total += cbr(channels, outputs, taps)
        channels = outputs
    return total + sum(cbr(stem, branch) + cbr(branch, branch) + cbr(branch, outputs, 1) for outputs in (1, 1, 2))


@pytest.mark.parametrize("size", ["micro", "tiny", "small"])
def test_closed_forms_of_dense_networks(size):
    assert parameters(models.build("hdenseunet", size=size, num_classes=3)) == hdenseunet(SIZES[size], 3)
    assert parameters(models.build("dacn", size=size, branch=5)) == dacn(SIZES[size], 5)


def test_closed_forms_give_the_published_counts():
    assert hdenseunet(SIZES["161"], 3) == 49_527_843
    assert dacn(SIZES["161"], 32) == 48_895_816


def valid_unet(extra):
    """Return the multiply-adds of the U-Net of 2015, whose convolutions give ``extra`` cells more than they keep."""
    side, inputs, total = 572, 1, 0

    def pair(inputs, outputs):
        nonlocal side, total
        for channels in (inputs, outputs):
            side -= 2
            total += conv(channels, outputs) * (side + extra) ** 2

    for level in range(5):
        pair(inputs, 64 << level)
        inputs = 64 << level
        side = side // 2 if level < 4 else side
    for level in (3, 2, 1, 0):
        side *= 2
        total += side**2 * (128 << level) * (64 << level)  # each cell has one tap
        pair(128 << level, 64 << level)
    return total


def test_multiply_adds_of_the_unet_of_2015():
    """There of 388 pixels a side with logits, here of the 384 that lie over the image; and SAME, then cropped."""
    published = valid_unet(extra=0) + 388**2 * 64 * 2
    assert published / 1e9 == pytest.approx(150.4, rel=0, abs=0.05)
    found = multiply_adds(models.build("unet", width=64, valid=True), (384, 384, 1))
    assert found * 1e9 == pytest.approx(valid_unet(extra=2) + 384**2 * 64 * 2, rel=1e-12)


@pytest.mark.slow
def test_multiply_adds_of_hdenseunet_on_its_own_images():
    found = multiply_adds(models.build("hdenseunet", num_classes=3), (224, 224, 3))
    stem = (113**2 - 112**2) * conv(3, 96, 7) / 1e9  # a row and a column that are cut off
    assert found - stem == pytest.approx(18.58, rel=0, abs=0.005)


@pytest.mark.parametrize(("size", "cost"), [pytest.param("small", 2.88, marks=pytest.mark.slow), ("tiny", 0.63)])
def test_multiply_adds_of_ja9(size, cost):
    """Published with the non-local block's products re-associated; the fast forms here take fewer of them."""

    def of(attention):
        return multiply_adds(models.build("denseunet", size=size, attention=attention))

    plain = of("none")
    maps, products = of("pwa") - plain, of("sa") - plain
    assert of("ja9") == pytest.approx(plain + maps + products, rel=1e-9)
    stem, growth, blocks, _ = SIZES[size]
    channels = [stem]
    for layers in blocks[:3]:
        channels.append((channels[-1] if len(channels) == 1 else channels[-1] // 2) + layers * growth)
    # Half of the channels in theta, phi and g; back; and twice the products of two maps.
    published = sum((128 >> level) ** 2 * (4 * c * c // 2 + 2 * (c // 2) ** 2) for level, c in enumerate(channels))
    assert products < published / 1e9
    assert plain + maps + published / 1e9 == pytest.approx(cost, rel=0, abs=0.005)


def of_head(head, channels):
    """Return the multiply-adds of a head at 16 x 16 cells."""
    x = jax.ShapeDtypeStruct((1, 16, 16, channels), jnp.float32)

    def applied(variables, x):
        return head.apply(variables, x, train=False)

    return counting.count(applied, shapes(head, x.shape), x).products


@pytest.mark.parametrize(("channels", "cost", "off"), [(2112, 6.7, 0.05), (148, 0.035, 0.0005)])
def test_multiply_adds_of_the_head_of_danet(channels, cost, off):
    assert of_head(DANetHead(FLOAT32), channels) / 1e9 == pytest.approx(cost, rel=0, abs=off)


def test_multiply_adds_of_the_head_of_psanet():
    """There each position scores the 31 x 31 offsets of its table; here by rows, each the 31 of its own 16 rows."""
    cells, c, m = 16 * 16, 2112, 512

    def branches(offsets):
        return 2 * cells * (c * m + m * m + offsets * m + cells * m) + cells * 2 * m * c

    assert branches(31 * 31) / 1e9 == pytest.approx(1.56, rel=0, abs=0.005)
    found = of_head(PSANetHead(FLOAT32, width=m, span=16, shrink=1), c)
    interpolation = 2 * 16 * cells * c  # to the grid of the input, which it is on already
    assert found == branches(16 * 31) + interpolation
