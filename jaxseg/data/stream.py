"""Training batches as a pure function of (seed, step): which records, and how they are augmented.

``indices`` gives the records of a step; ``sample`` crops, augments and normalises them inside the jitted step. A set
that fits is kept on the device as one ``canvas``; of a larger one, ``streamed`` reads records ahead with Grain. Both
give the same batches and have no state: a run that resumes at a step sees the batches of an undisturbed run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32, Key

from jaxseg.data.augment import Augment, Draws, Pixels, augmented, inside
from jaxseg.data.records import IGNORE, Records

READ_THREADS = 2
READ_AHEAD = 4  # number of steps


class Arrays(NamedTuple):
    """Records on a common canvas, padded with zeros at the bottom and on the right."""

    images: Array | np.ndarray  # uint8 [records, height, width, channels], what the network sees
    masks: Array | np.ndarray  # uint8 [records, height, width], as ``Record.mask``
    fovs: Array | np.ndarray | None  # uint8 [records, height, width], 0 or 1; None where training does not look at it
    sizes: Array | np.ndarray  # int32 [records, 2], real heights and widths

    def take(self, indices: Int[Array, " batch"] | Int[np.ndarray, " batch"]) -> Arrays:
        """Return the records at these indices; inside jit, XLA fuses this with the crops that follow."""
        return jax.tree.map(lambda array: array[indices], self)


class Batch(NamedTuple):
    """The batch of one step; height and width are those of the patch, or of the canvas where images stay whole."""

    images: Array  # float32 [batch, height, width, channels], normalised, zero on padding
    labels: Array  # int32 [batch, height, width], the class of each pixel, 0 where not valid
    valid: Array  # bool [batch, height, width], the pixels that the loss counts: real, of a known class, in the region
    sizes: Array  # int32 [batch, 2], height and width of the real content, which is at the top left


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, n: int) -> Int[np.ndarray, " n"]:
    return np.random.default_rng([seed, epoch]).permutation(n).astype(np.int32)


def indices(seed: int, step: int, batch_size: int, n: int) -> Int32[np.ndarray, " batch"]:
    """Return the indices, among ``n`` records, of the samples of a step.

    Sample s of the step is the run's sample g = step * batch_size + s. It is number g % n of epoch g // n, whose order
    is a permutation drawn from (seed, epoch). So every record occurs once per epoch, and a batch may contain the end of
    one epoch and the beginning of the next.
    """
    places = step * batch_size + np.arange(batch_size)
    return np.array([_order(seed, int(g) // n, n)[g % n] for g in places], np.int32)


def canvas_size(records: Records) -> tuple[int, int]:
    """Return the largest height and the largest width of the records. Raises ValueError where there are none."""
    if not len(records):
        raise ValueError("there are no images to train on; check data.dir and the split")
    heights, widths = zip(*records.sizes, strict=True)
    return max(heights), max(widths)


def canvas_shapes(records: Records, size: tuple[int, int] | None = None, *, fov: bool = False) -> Arrays:
    """Return the shapes and types of what ``canvas`` returns for the same arguments."""
    n, (height, width) = len(records), size or canvas_size(records)

    def zeros() -> Arrays:
        fovs = jnp.zeros((n, height, width), jnp.uint8) if fov else None
        masks = jnp.zeros((n, height, width), jnp.uint8)
        images = jnp.zeros((n, height, width, records.channels), jnp.uint8)
        return Arrays(images, masks, fovs, jnp.zeros((n, 2), jnp.int32))

    return jax.eval_shape(zeros)


def canvas_bytes(records: Records, *, fov: bool = False) -> int:
    """Return the number of bytes of ``canvas(records, fov=fov)``."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(canvas_shapes(records, fov=fov)))


def canvas(records: Records, size: tuple[int, int] | None = None, *, fov: bool = False) -> Arrays:
    """Return all records at one ``size`` (height, width), by default the smallest that holds them all.

    Args:
        records: what to lay out.
        size: height and width.
        fov: whether to take the fields of view along.

    Raises:
        ValueError: a record is larger than ``size``, or has no field of view where ``fov`` asks for it.
    """
    arrays = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), canvas_shapes(records, size, fov=fov))
    height, width = arrays.masks.shape[1:]
    for k, record in enumerate(records):
        h, w = record.mask.shape
        if h > height or w > width:
            raise ValueError(f"{record.id} is {h} x {w} and does not fit the canvas of {height} x {width}")
        arrays.images[k, :h, :w] = record.seen
        arrays.masks[k, :h, :w] = record.mask
        if arrays.fovs is not None:
            if record.fov is None:
                raise ValueError(
                    f"{record.id} has no field of view, and loss.region is 'fov'; give it one, or set loss.region=full"
                )
            arrays.fovs[k, :h, :w] = record.fov
        arrays.sizes[k] = h, w
    return arrays


def sample(
    arrays: Arrays,
    key: Key[Array, ""],
    sample_ids: Int[Array, " batch"],
    augment: Augment,
    patch_size: tuple[int, int] | tuple[()],
    mean: Sequence[float],
    std: Sequence[float],
) -> Batch:
    """Return a batch, or one device's share of it, of cropped, augmented and normalised samples; for use inside jit.

    Args:
        arrays: one record per sample.
        key: the random key of the step.
        sample_ids: indices of the samples in the global batch. Sample s draws its random numbers from
            ``fold_in(key, s)``, so they do not depend on how many devices share the batch.
        augment: which augmentations.
        patch_size: height and width of the samples; () for the whole canvas.
        mean: mean of each channel in grey levels (0 to 255).
        std: standard deviation of each channel.

    Raises:
        ValueError: the augmentations cannot be applied to samples of this size.
    """
    height, width = patch_size or arrays.images.shape[1:3]
    frame = int(height), int(width)
    augment.check(frame)
    centre, spread = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)

    def one(image, mask, fov, size, sample_id):
        record = Pixels(image, mask, fov, inside(size, mask.shape))
        draws = Draws.of(jax.random.fold_in(key, sample_id), centre.shape[0])
        pixels, extent = augmented(augment, draws, record, size, frame, centre)
        image = jnp.where(inside(extent, frame)[..., None], (pixels.image - centre) / spread, 0)
        counted = pixels.valid & (pixels.mask != IGNORE)
        if pixels.fov is not None:
            counted &= pixels.fov > 0
        return Batch(image, jnp.where(counted, pixels.mask, 0).astype(jnp.int32), counted, extent)

    return jax.vmap(one)(*arrays, sample_ids)


class _Steps(Sequence[Arrays]):
    """The records of step 0, 1, 2, ..., as a source for Grain to read."""

    def __init__(self, records: Records, seed: int, batch_size: int, fov: bool):
        self.records, self.seed, self.batch_size, self.fov = records, seed, batch_size, fov
        self.size = canvas_size(records)

    def __len__(self) -> int:
        return 2**31 - 1  # more steps than any run has: the training loop says when to stop

    def __getitem__(self, step: SupportsIndex) -> Arrays:  # type: ignore[override]  # Grain never slices
        places = indices(self.seed, int(step), self.batch_size, len(self.records))
        return canvas(self.records.take(places.tolist()), self.size, fov=self.fov)


def streamed(records: Records, seed: int, batch_size: int, start_step: int, *, fov: bool = False) -> Iterator[Arrays]:
    """Yield the records of ``start_step``, ``start_step`` + 1, ... on a canvas, read ahead by Grain's threads.

    The arrays of each step equal ``canvas(records, fov=fov).take(indices(...))``. An error in a thread is raised here
    at its step. Closing the iterator stops the threads.
    """
    import grain  # takes most of a second, and only large sets need it

    steps = grain.MapDataset.source(_Steps(records, seed, batch_size, fov))[start_step:]
    options = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=READ_AHEAD)
    iterator = iter(steps.to_iter_dataset(options))
    try:
        yield from iterator
    finally:
        iterator.close()
