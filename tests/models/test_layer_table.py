import pytest

from jaxseg import counting, models


@pytest.fixture(scope="module")
def attended():
    return models.summarise(models.build("denseunet", size="micro", attention="ja9"), (2, 64, 32, 3))


def test_the_totals_are_those_of_the_network(attended):
    assert attended.parameters == sum(layer.parameters for layer in attended.layers) == 34_480
    assert attended.parameter_bytes == 4 * 34_480
    assert attended.step == attended.peak + 2 * attended.parameter_bytes


def test_a_convolution_by_hand(attended):
    layers = {"/".join(layer.path): layer for layer in attended.layers}
    conv = layers["stem/conv2"]
    products = 2 * 2 * 32 * 16 * 9 * 8 * 8
    assert conv.output == (2, 32, 16, 8)
    assert conv.parameters == 9 * 8 * 8 + 8
    assert products < conv.forward < 1.02 * products
    assert 2 * products < conv.backward < 2.02 * products
    # Kept: what the convolution made, of which ReLU's derivative and the next convolution's input are made.
    assert conv.kept == 4 * 2 * 32 * 16 * 8
    assert layers["head"].output == (2, 64, 32, 2)


def test_every_skip_has_its_lowering(attended):
    assert [eq1.path for eq1 in attended.attention] == [(f"attention{k}", "self_attention") for k in (3, 2, 1, 0)]
    assert all(eq1.lowering in ("moments", "reassociated", "streamed") for eq1 in attended.attention)
    shallow = attended.attention[-1]
    assert shallow.naive_kept > 4 * 2 * (32 * 16) ** 2 > 10 * shallow.temporary


def test_the_tables(attended):
    layers, levels, attention, needs = attended.text(2).split("\n\n")
    assert layers.splitlines()[0].split() == [
        "layer",
        "Eq.",
        "1",
        "output",
        "parameters",
        "forward",
        "backward",
        "kept",
    ]
    assert "attention0/self_attention  moments       32 x 16 x 8" in layers
    assert layers.splitlines()[-1].split()[1] == "34,480"
    assert [line.split()[0] for line in levels.splitlines()] == ["level", "1/1", "1/2", "1/4", "1/8", "1/16", "1/32"]
    assert len(attention.splitlines()) == 5
    for word in (
        "a training step on 2 x 64 x 32 x 3",
        "parameters 135 KiB",
        "Adam's moments 269 KiB",
        "activations kept",
    ):
        assert word in needs
    assert len(attended.text(1)) < len(attended.text(2))
    assert str(attended) == attended.text(1)


def test_a_network_without_attention(attended):
    text = attended._replace(attention=[]).text()
    assert "Eq. 1, forward" not in text
    assert "stores all its weights" not in text


def test_a_step_beside_what_there_is(attended, monkeypatch):
    for room, told in (
        (2**40, ", of the 1.00 TiB there on"),
        (2**10, ", MORE THAN the 1.00 KiB there on"),
        (None, " on"),
    ):
        monkeypatch.setattr(counting, "room", lambda device, room=room: room)
        assert f"MiB{told} one cpu, beside the training set:" in attended.text()


@pytest.mark.slow
def test_what_is_computed_again_counts_as_backward():
    plain, again = (
        models.summarise(models.build("unet", width=2, attention="pwa", remat=remat), (1, 32, 32, 3))
        for remat in (False, True)
    )
    assert again.step < plain.step
    assert [eq1.path for eq1 in again.attention] == [eq1.path for eq1 in plain.attention]
    for one, two in zip(plain.layers, again.layers, strict=True):
        assert (one.path, one.parameters) == (two.path, two.parameters)
        if one.path[-1:] == ("conv",) and one.path[0] != "head":
            assert one.forward == two.forward
            assert two.backward == pytest.approx(one.backward + one.forward, rel=0.02)


def test_images_of_no_shape():
    with pytest.raises(ValueError, match=r"images is \(1, 32, 32\); give numbers above 0"):
        models.summarise(models.build("denseunet", size="micro"), (1, 32, 32))


@pytest.mark.slow
def test_the_published_network_takes_what_its_layer_table_says():
    """154 GFLOP a training image of 256 x 256, three times the multiply-adds of its convolutions times two."""
    found = models.summarise(models.build("denseunet", size="161"), (1, 256, 256, 3))
    assert found.parameters == 48_840_258
    assert sum(layer.forward + layer.backward for layer in found.layers) == pytest.approx(154e9, rel=0.01)
