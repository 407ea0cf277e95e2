"""Batches as a function of (seed, step): which records, in which order, on which canvas, for any split of the batch."""

import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import IGNORE, Record, Records

MEAN, STD = (90.0, 100.0, 110.0), (70.0, 60.0, 80.0)
EVERYTHING = Augment(True, True, 0.5, 20.0, 0.2, 0.1, 0.1)


def make(name: int, height: int, width: int) -> Record:
    rng = np.random.default_rng(name)
    image = rng.integers(1, 256, (height, width, 3), np.uint8)
    mask, fov = rng.integers(0, 2, (2, height, width), np.uint8)
    mask[rng.random(mask.shape) < 0.1] = IGNORE
    return Record(f"record{name}", image, mask, fov, None, "")


@pytest.fixture(scope="module")
def records() -> Records:
    """Five records of mixed sizes."""
    sizes = [(20, 24), (13, 24), (20, 9), (20, 24), (7, 6)]
    return Records.of([make(k, *size) for k, size in enumerate(sizes)])


@functools.cache
def compiled(augment: Augment, patch_size: tuple[int, ...]):
    return jax.jit(lambda arrays, key, ids: stream.sample(arrays, key, ids, augment, patch_size, MEAN, STD))


def draw(records, indices, *, key=0, ids=None, augment=EVERYTHING, patch_size=(16, 16), fov=False) -> stream.Batch:
    ids = np.arange(len(indices)) if ids is None else np.asarray(ids)
    arrays = stream.canvas(records, fov=fov).take(np.asarray(indices))
    return jax.tree.map(np.asarray, compiled(augment, patch_size)(arrays, jax.random.key(key), ids))


@given(st.integers(1, 40), st.integers(1, 17), st.integers(0, 5))
def test_every_record_comes_once_an_epoch(n, batch_size, seed):
    steps = -(-3 * n // batch_size)
    run = np.concatenate([stream.indices(seed, step, batch_size, n) for step in range(steps)])
    assert run.dtype == np.int32
    for epoch in range(3):
        np.testing.assert_array_equal(np.sort(run[epoch * n : (epoch + 1) * n]), np.arange(n))
    # The order depends on the sample's number and not on how the samples are cut into batches.
    np.testing.assert_array_equal(run[: 3 * n], np.concatenate([stream.indices(seed, k, 1, n) for k in range(3 * n)]))


def test_orders_differ_between_epochs_and_seeds():
    orders = [tuple(stream.indices(seed, epoch, 30, 30)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


@pytest.mark.parametrize("fov", [False, True])
def test_the_canvas_holds_every_record_at_its_top_left(records, fov):
    arrays = stream.canvas(records, fov=fov)
    assert arrays.images.shape == (5, 20, 24, 3)
    assert sum(array.nbytes for array in jax.tree.leaves(arrays)) == stream.canvas_bytes(records, fov=fov)
    for k, record in enumerate(records):
        h, w = record.mask.shape
        assert arrays.sizes[k].tolist() == [h, w]
        content = [(arrays.images, record.image), (arrays.masks, record.mask)]
        for array, real in [*content, (arrays.fovs, record.fov)] if fov else content:
            np.testing.assert_array_equal(array[k, :h, :w], real)
            assert array[k].sum() == real.sum()  # nothing beyond the real content
            assert array.dtype == np.uint8


def test_a_canvas_that_is_too_small_and_an_empty_set_are_refused(records):
    with pytest.raises(ValueError, match="record0 is 20 x 24 and does not fit the canvas of 19 x 30"):
        stream.canvas(records, (19, 30))
    with pytest.raises(ValueError, match="no images to train on"):
        stream.canvas(Records.of([]))
    without = Records.of([records[0], records[1]._replace(fov=None)])
    with pytest.raises(ValueError, match="record1 has no field of view, and loss.region is 'fov'"):
        stream.canvas(without, fov=True)


@pytest.mark.parametrize("fov", [False, True])
def test_without_augmentation_a_batch_is_the_normalised_records(records, fov):
    batch = draw(records, range(5), augment=Augment(), patch_size=(), fov=fov)
    preprocess = Preprocess(mean=MEAN, std=STD)
    assert batch.images.dtype == np.float32
    assert batch.labels.dtype == np.int32
    for k, record in enumerate(records):
        h, w = record.mask.shape
        assert batch.sizes[k].tolist() == [h, w]
        np.testing.assert_allclose(batch.images[k, :h, :w], preprocess.normalise(record.image), atol=1e-6)
        counted = (record.mask != IGNORE) & ((record.fov == 1) | (not fov))
        np.testing.assert_array_equal(batch.valid[k, :h, :w], counted)
        np.testing.assert_array_equal(batch.labels[k, :h, :w], np.where(counted, record.mask, 0))
        assert batch.valid[k].sum() == counted.sum()


def test_whatever_happens_a_batch_keeps_its_contract(records):
    known = Records.of([record._replace(mask=record.mask % 2) for record in records])
    batches = [draw(known, np.arange(k, k + 8) % 5, ids=np.arange(k, k + 8)) for k in range(0, 80, 8)]
    batch = jax.tree.map(lambda *parts: np.concatenate(parts), *batches)
    assert set(np.unique(batch.labels)) == {0, 1}
    beyond = ~batch.valid
    assert beyond.any()
    assert not batch.labels[beyond].any()
    assert np.abs(batch.images[batch.valid]).max() < 4  # grey levels beyond 0..255 would be larger
    for image, valid, (height, width) in zip(batch.images, batch.valid, batch.sizes, strict=True):
        for plane in (image, valid):
            assert not plane[height:].any()
            assert not plane[:, width:].any()
        assert valid[:height, :width].mean() > 0.4  # a zoom of 0.8 leaves 0.64, less the rounding of a small image
    # Small records keep their extent, turned or not.
    assert {tuple(size) for size in batch.sizes[4::5]} == {(7, 6), (6, 7)}


def test_a_sample_does_not_depend_on_the_devices_that_share_the_batch(records):
    indices = np.array([0, 1, 2, 3, 4, 0, 3, 2])
    whole = draw(records, indices)
    for devices in (2, 8):
        shares = [
            draw(records, share, ids=ids)
            for share, ids in zip(np.split(indices, devices), np.split(np.arange(8), devices), strict=True)
        ]
        joined = jax.tree.map(lambda *parts: np.concatenate(parts), *shares)
        np.testing.assert_allclose(joined.images, whole.images, atol=1e-4)  # interpolation: XLA's sums, by shape
        for together, apart in zip(whole[1:], joined[1:], strict=True):
            np.testing.assert_array_equal(apart, together)


def test_samples_and_steps_draw_for_themselves(records):
    first, again, other = (draw(records, [0] * 8, key=key).images for key in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len({image.tobytes() for image in (*first, *other)}) == 16


def test_patches_larger_than_every_image_are_padded_and_masked(records):
    batch = draw(records, range(5), augment=Augment(), patch_size=(32, 32))
    assert batch.images.shape == (5, 32, 32, 3)
    assert batch.sizes.tolist() == [list(record.mask.shape) for record in records]
    assert batch.valid.sum() == sum((record.mask != IGNORE).sum() for record in records)


def test_rotation_leaves_no_pixel_blank_and_counts_none_from_outside():
    grey = Record("grey", np.full((16, 16, 3), 200, np.uint8), np.ones((16, 16), np.uint8), None, None, "")
    batch = draw(Records.of([grey]), [0, 0, 0], augment=Augment(rotate=45.0))
    plain = np.broadcast_to((200 - np.array(MEAN)) / STD, batch.images.shape)
    np.testing.assert_allclose(batch.images, plain, rtol=1e-5)
    assert 0.6 < batch.valid.mean() < 1
    assert (batch.labels == batch.valid).all()


def test_turns_need_square_samples(records):
    with pytest.raises(ValueError, match="these are 20 x 24"):
        draw(records, [0], augment=Augment(quarter_turns=True), patch_size=())


def test_augmentation_takes_the_field_of_view_and_what_nobody_knows_along_with_the_image(records):
    """Each pixel's own colour says which pixel it was: valid is what the record says of it."""
    image = np.stack(np.meshgrid(np.arange(20), np.arange(24), [0], indexing="ij"), -1)[:, :, 0].astype(np.uint8)
    record = records[0]._replace(image=image)
    batch = draw(Records.of([record]), [0] * 32, augment=Augment(True, True), fov=True)
    for k in range(32):
        y, x, _ = np.rint(batch.images[k] * STD + MEAN).astype(int).transpose(2, 0, 1)
        counted = (record.fov[y, x] == 1) & (record.mask[y, x] != IGNORE)
        np.testing.assert_array_equal(batch.valid[k], counted)
        np.testing.assert_array_equal(batch.labels[k], np.where(counted, record.mask[y, x], 0))


@pytest.mark.parametrize(("start", "fov"), [(0, False), (7, True)])
def test_streamed_records_are_the_resident_ones_from_any_step_on(records, start, fov):
    resident = stream.canvas(records, fov=fov)
    streamed = stream.streamed(records, 3, 4, start, fov=fov)
    for step in range(start, start + 6):
        expected = resident.take(stream.indices(3, step, 4, 5))
        jax.tree.map(np.testing.assert_array_equal, next(streamed), expected)
    streamed.close()


def test_closing_a_stream_stops_its_threads(records):
    before = set(threading.enumerate())
    streamed = stream.streamed(records, 0, 2, 0)
    next(streamed)
    started = set(threading.enumerate()) - before
    assert started
    streamed.close()
    for thread in started:
        thread.join(20)
        assert not thread.is_alive()


def test_an_error_while_reading_ahead_comes_out_whole_at_its_step(records):
    def read(k):
        if k == 2 and threading.current_thread() is not threading.main_thread():
            raise OSError("record2.png is truncated; fetch it again")
        return records[k]

    broken = Records(read, records.ids)
    bad = next(step for step in range(9) if 2 in stream.indices(0, step, 2, 5))
    streamed = stream.streamed(broken, 0, 2, 0)
    for _ in range(bad):
        next(streamed)
    with pytest.raises(OSError, match="record2.png is truncated; fetch it again"):
        next(streamed)


def test_arrays_inside_jit_are_taken_by_traced_indices(records):
    arrays = stream.canvas(records)
    taken = jax.jit(lambda arrays, indices: arrays.take(indices))(jax.device_put(arrays), jnp.array([4, 1]))
    jax.tree.map(np.testing.assert_array_equal, taken, arrays.take(np.array([4, 1])))
