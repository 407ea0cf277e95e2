"""What every segmentation network shares: frame, attention at the skips, head, and the checks of its options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxseg import attention, checks
from jaxseg.layers import Numerics, frame
from jaxseg.models.blocks import Head
from jaxseg.models.remat import by_block

AUXILIARY = "auxiliary"  # the collection of logits for the training loss alone


class Network(nn.Module, kw_only=True):
    """A segmentation network: images in, logits of every pixel out, attention at its skips.

    A subclass declares ``stride`` and ``skip_strides``, as attributes or properties, and says in ``features`` what it
    computes; it may give auxiliary logits for the training loss, and say in ``classify`` how features become logits.

    Attributes:
        stride: pixels along a side of its coarsest cell. Images are padded to a multiple of it.
        skip_strides: pixels along a side of a cell of each skip, level by level.
        auxiliary_weights: weight in the training loss of the auxiliary logits of each name.
        framed: whether what it reads of other positions it reads by the layers of ``jaxseg.layers`` and by ``attend``
            alone. In evaluation an image then has the same logits on every canvas that holds it, and prediction of many
            sizes takes few programs; without it, one for each size rounded up to the stride.

    Args:
        attention: name of the mechanism, a key of ``jaxseg.attention.MECHANISMS``; "none" leaves the skips alone.
        attention_options: its arguments.
        levels: the skips that carry attention, places in ``skip_strides``; None: all of them.
        num_classes: channels of the logits.
        numerics: what features are computed in, and the mapped axis that shares a batch.
        remat: whether training keeps between its blocks alone what the backward pass needs; see ``remat.by_block``.

    Raises:
        ValueError: for a mechanism, option of it or level that does not exist, or fewer than two classes; when called,
            where the network does not do what it declares.

    """

    stride: ClassVar[int]
    skip_strides: ClassVar[tuple[int, ...]] = ()
    auxiliary_weights: ClassVar[Mapping[str, float]] = MappingProxyType({})
    framed: ClassVar[bool] = False

    attention: str = "none"
    attention_options: Mapping[str, Any] = nn.FrozenDict()
    levels: tuple[int, ...] | None = None
    num_classes: int = 2
    numerics: Numerics = Numerics(jnp.float32)
    remat: bool = False

    def __post_init__(self) -> None:
        """Check the options, so that a wrong one is told when the network is built and not at the first step."""
        strides, levels = self.skip_strides, range(len(self.skip_strides)) if self.levels is None else self.levels
        if len(set(levels)) < len(levels) or not set(levels) <= set(range(len(strides))):
            raise ValueError(
                f"levels is {tuple(levels)}; choose among {', '.join(map(str, range(len(strides))))} (the skips at "
                f"strides {', '.join(map(str, strides))}), once each."
            )
        checks.require(self.num_classes >= 2, "num_classes", self.num_classes, "2 or more, the background among them")
        if own := {"name", "dtype", "axis_name"} & set(self.attention_options):
            raise ValueError(f"attention_options holds {sorted(own)[0]!r}, which the network decides; leave it out")
        attention.build(self.attention, **self.attention_options)
        for field in dataclasses.fields(self):
            if field.name not in ("parent", "name"):
                object.__setattr__(self, field.name, _hashable(getattr(self, field.name)))
        object.__setattr__(self, "levels", tuple(sorted(levels)))
        super().__post_init__()

    @property
    def any_canvas(self) -> bool:
        """Whether images of several frames may share a canvas: it is ``framed``, and so is its attention."""
        return self.framed and attention.build(self.attention, **self.attention_options).framed

    def setup(self) -> None:
        """Make one attention module for each of ``levels``, named ``attention0``, ``attention1``, ..."""
        like = {"dtype": self.numerics.dtype, "axis_name": self.numerics.axis_name}
        for level in self.levels or ():
            setattr(self, f"attention{level}", attention.build(self.attention, **like, **self.attention_options))

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channels"],
        *,
        train: bool = False,
        sizes: Int[Array, "batch 2"] | None = None,
        snug: bool = False,
    ) -> Float[Array, "batch height width classes"]:
        """Return the logits of every pixel, float32.

        Args:
            images: normalised, float32, of any height and width. Zeros are added at the bottom and right up to the
                next multiple of ``stride``, and the logits are cropped.
            train: whether batch statistics are used and the running ones updated, dropout drops, and auxiliary logits
                [batch, height, width, classes] are stored in the collection ``AUXILIARY``, by name.
            sizes: real height and width of each image, where the rest of it is padding (zeros, bottom and right).
                Padding is no key of attention; convolutions and batch statistics do see it. None: all is real.
            snug: whether every image is known to fill its canvas but for less than ``stride`` each way. Given sizes
                without that, a network that is ``framed`` answers in evaluation as if it were so, whatever the canvas.
        """
        height, width = images.shape[1:3]
        x = jnp.pad(images, ((0, 0), (0, -height % self.stride), (0, -width % self.stride), (0, 0)))
        canvas = x.shape[1:3]
        blocks = by_block(self) if self.remat and train else nullcontext()
        frames = nullcontext()
        if sizes is not None and self.framed and not (train or snug):
            frames = frame.inside(sizes, canvas, self.stride)
        if sizes is None and x.shape != images.shape:
            sizes = jnp.broadcast_to(jnp.array([height, width]), (images.shape[0], 2))
        with frames, blocks:
            features, auxiliary = self._features(x.astype(self.numerics.dtype), sizes, train)
            if train or self.is_initializing():
                self._keep(auxiliary, canvas, (height, width))
            return self.classify(features, train=train)[:, :height, :width]

    def _features(self, x: Array, sizes: Array | None, train: bool) -> tuple[Array, Mapping[str, Array]]:
        """Return what ``features`` does, auxiliary ones by name, once it kept to what is declared."""
        attend = Attend(self, sizes, x.shape[1:3], train)
        features, auxiliary = self.features(x, attend, train=train), {}
        if isinstance(features, tuple):
            features, auxiliary = features
        if sorted(attend.called) != list(range(len(self.skip_strides))):
            raise ValueError(
                f"{type(self).__name__} declares {len(self.skip_strides)} skips and calls attend for "
                f"{sorted(attend.called)}; call it once for each"
            )
        if auxiliary.keys() != self.auxiliary_weights.keys():
            raise ValueError(
                f"{type(self).__name__} gives auxiliary logits {sorted(auxiliary)} and declares weights for "
                f"{sorted(self.auxiliary_weights)}; declare one in auxiliary_weights for each"
            )
        return features, auxiliary

    def _keep(self, auxiliary: Mapping[str, Array], canvas: tuple[int, ...], size: tuple[int, int]) -> None:
        """Store the logits of auxiliary features, at full resolution and cropped to the images."""
        for name, others in auxiliary.items():
            logits = self.classify_auxiliary(name, others)
            if any(side % cells for side, cells in zip(canvas, logits.shape[1:3], strict=True)):
                raise ValueError(
                    f"{type(self).__name__} gives auxiliary features {name!r} of {logits.shape[1]} x "
                    f"{logits.shape[2]} for {canvas[0]} x {canvas[1]} pixels; give a grid whose cells divide the canvas"
                )
            if self.is_mutable_collection(AUXILIARY) and not self.is_initializing():
                logits = jax.image.resize(logits, (logits.shape[0], *canvas, logits.shape[3]), "linear")
                self.put_variable(AUXILIARY, name, logits[:, : size[0], : size[1]])

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> Float[Array, "b h w d"] | tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b _ _ _"]]]:
        """Return features of every pixel, and by name others for auxiliary heads, where ``auxiliary_weights`` has any.

        Those of every pixel are at full resolution, that of ``x``. Auxiliary ones may be coarser: their logits are
        interpolated.

        Args:
            x: images padded to a multiple of ``stride``.
            attend: to be called once for each skip; the skip comes back as it was where it carries no attention. It
                also tells which cells are real.
            train: as in ``__call__``.
        """
        raise NotImplementedError

    def classify(self, features: Float[Array, "b h w d"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return the logits of every pixel, float32, from what ``features`` returned."""
        return Head(self.num_classes, name="head")(features)

    def classify_auxiliary(self, name: str, features: Float[Array, "b h w d"]) -> Float[Array, "b h w classes"]:
        """Return auxiliary logits from what ``features`` returned by this name, float32, on the same grid."""
        return Head(self.num_classes, name=f"auxiliary_{name}")(features)


class Attend:
    """What a network calls where a skip meets its decoder, and asks which cells are padding.

    Args:
        network: whose attention it is.
        sizes: real height and width of each image, [batch, 2]; None: all is real.
        canvas: height and width of the padded images.
        train: as in ``Network.__call__``.
    """

    def __init__(self, network: Network, sizes: Array | None, canvas: tuple[int, ...], train: bool):
        self.network, self.sizes, self.canvas, self.train = network, sizes, canvas, train
        self.called: list[int] = []  # levels

    def __call__(self, level: int, skip: Array, *, gate: Array) -> Array:
        """Return the skip as attention leaves it, the padding masked out of its keys.

        Args:
            level: its place in the network's ``skip_strides``.
            skip: features, [batch, rows, columns, channels].
            gate: the decoder's features on the same grid.
        """
        network, canvas = self.network, self.canvas
        self.called.append(level)
        if level not in range(len(network.skip_strides)):
            raise ValueError(
                f"{type(network).__name__} declares {len(network.skip_strides)} skips, and attends at {level}"
            )
        stride, grid = network.skip_strides[level], skip.shape[1:3]
        if grid != tuple(side // stride for side in canvas):
            raise ValueError(
                f"{type(network).__name__} declares stride {stride} for skip {level}, and it arrives with {grid[0]} x "
                f"{grid[1]} cells for {canvas[0]} x {canvas[1]} pixels; correct its skip_strides"
            )
        if level not in (network.levels or ()):
            return skip
        # What is masked may still be multiplied by zero, and lies on the way of what reads all that arrives.
        skip, gate = frame.clear(skip), frame.clear(gate)
        return getattr(network, f"attention{level}")(skip, train=self.train, valid=self.real(skip), gate=gate)

    def real(self, x: Array) -> Bool[Array, "batch rows columns"] | None:
        """Return which cells of features, on a grid over the whole canvas, cover a real pixel; None: all do."""
        grid = x.shape[1:3]
        return None if self.sizes is None else real_cells(self.sizes, self.canvas[0] // grid[0], grid)


def training_pass(
    network: Network, variables: Mapping[str, Any], images: Array, sizes: Array | None, key: Array
) -> tuple[Float[Array, "batch height width classes"], dict[str, Array], dict[str, Any]]:
    """Run a network as training does; return its logits, its auxiliary logits by name, and its new state.

    Args:
        network: the network.
        variables: its parameters and state; the state (all but "params") comes back updated.
        images: as in ``Network.__call__``, and so are ``sizes``.
        sizes: see there.
        key: of dropout.
    """
    mutable = [*(name for name in variables if name != "params"), AUXILIARY]
    found: Any = network.apply(variables, images, train=True, sizes=sizes, mutable=mutable, rngs={"dropout": key})
    logits, state = found
    return logits, state.pop(AUXILIARY, {}), state


def real_cells(sizes: Int[Array, "batch 2"], stride: int, grid: tuple[int, ...]) -> Bool[Array, "batch rows columns"]:
    """Return which cells of a ``grid`` at ``stride`` cover a real pixel: the first ceil(size / stride) each way."""
    return frame.first(-(-sizes // stride), grid)


def _hashable(value: Any) -> Any:
    """Return ``value`` with tuples for lists: a config that was JSON has lists, and fields of a module are hashed."""
    if type(value) in (list, tuple):
        return tuple(_hashable(entry) for entry in value)
    return (
        nn.FrozenDict({key: _hashable(entry) for key, entry in value.items()}) if isinstance(value, Mapping) else value
    )
