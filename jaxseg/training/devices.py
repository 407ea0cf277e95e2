"""Which devices a run uses, and how its arrays are laid on them."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxseg.runs import compilation
from jaxseg.training.step import DEVICES

Devices = list[Any]  # of jax.Device, which static checkers do not take for a type


def set_up(batch_size: int, asked: int) -> Devices:
    """Return the devices that share a batch; to be called before anything else touches JAX's devices.

    GPUs where there are any, else the CPU's cores, one device per core: the largest number of them that divides the
    batch. Compiled programs are kept in the user's cache, so a second start is quick.

    Args:
        batch_size: images per step.
        asked: the number of devices the user wants, 0 for the choice above.

    Raises:
        ValueError: the devices asked for are not there, or do not divide the batch.
    """
    if asked and batch_size % asked:
        raise ValueError(f"train.batch_size {batch_size} is not divided by train.devices {asked}; change one of them")
    compilation.set_up()
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # JAX is in use already (a notebook): its devices stay as they are
            jax.config.update("jax_num_cpu_devices", asked or _largest_divisor(batch_size, _cores()))
    devices = jax.local_devices()
    if asked > len(devices):
        raise ValueError(f"train.devices is {asked}, but JAX sees {len(devices)} ({devices[0].platform})")
    used = devices[: asked or _largest_divisor(batch_size, len(devices))]
    if len(used) < len(devices):
        print(f"note: {len(used)} of {len(devices)} {devices[0].device_kind} devices share a batch of {batch_size}")
    return used


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _largest_divisor(number: int, limit: int) -> int:
    return max(n for n in range(1, limit + 1) if number % n == 0)


def split(tree: Any, devices: Devices) -> Any:
    """Place arrays whose leading axis counts the devices, each slice on its own."""
    return jax.device_put(tree, _layout(devices))


def shapes(tree: Any, devices: Devices) -> Any:
    """Return the shapes and types of ``replicate(tree, devices)``, laid out likewise; ``tree`` may be of shapes too."""
    layout = _layout(devices)
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((len(devices), *leaf.shape), leaf.dtype, sharding=layout), tree
    )


def _layout(devices: Devices) -> NamedSharding:
    # As pmap lays out its results, so that the second step finds the program of the first.
    return NamedSharding(Mesh(np.array(devices), (DEVICES,)), PartitionSpec(DEVICES))


def replicate(tree: Any, devices: Devices) -> Any:
    """Place a copy of every array on every device."""
    return split(jax.tree.map(lambda a: np.broadcast_to(np.asarray(a), (len(devices), *np.shape(a))), tree), devices)


def first(tree: Any) -> Any:
    """Return the first device's copy of replicated arrays, in host memory."""
    # Read where it lies: indexing would be one more program on every device, behind the steps already sent. Copied,
    # for the next step overwrites the memory of this one's state.
    return jax.tree.map(lambda a: np.array(a.addressable_data(0))[0], tree)
