"""DACN (Zhang et al. 2020): DenseUNet with an active contour as its last layer, by the first author of this paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import Numerics, upsample2
from jaxseg.models.blocks import CBR
from jaxseg.models.chan_vese import MEANS, contour
from jaxseg.models.denseunet import SIZES, DenseUNet
from jaxseg.models.network import Attend

SCALE = 0.001  # of mu and lambda
NEAREST = 1e-6  # of a probability to 0 and 1


class Branch(nn.Module):
    """Two 3x3 convolutions and a 1x1 one, each with batch normalisation and ReLU."""

    width: int
    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid, none of them negative."""
        for layer, (features, taps) in enumerate(((self.width, 3), (self.width, 3), (self.features, 1)), start=1):
            x = CBR(features, taps, self.numerics, name=f"cbr{layer}")(x, train=train)
        return x


class DACN(DenseUNet):
    """DACN of any ``widths``: behind the decoder, branches give logits and the weights of a contour that starts there.

    The contour (``chan_vese.contour``) moves by the first channel of the normalised image, in the dtype of the
    features, and starts from means of 1 inside and 0 outside, whatever that channel's range. The prediction is its u as
    the logit log(u / (1 - u)); the logits that it starts from are auxiliary. Published with the loss ``dacn``.

    Args:
        branch: channels of the branches, 32 in the published network.
        iterations: steps of the contour, 2 there.
        epsilon: of the contour, 1e-8 there, where u has no gradient at pixels of weight lambda = 0; it has one with
            0.001, the unit of lambda.
        means: of the contour, "batch" there.

    """

    auxiliary_weights: ClassVar[Mapping[str, float]] = MappingProxyType({"start": 1.0})

    branch: int = 32
    iterations: int = 2
    epsilon: float = 1e-3
    means: str = "image"

    def __post_init__(self) -> None:
        """Raise ValueError for other than two classes: a contour has two sides."""
        checks.require(self.num_classes == 2, "num_classes", self.num_classes, "2 for dacn: a contour has two sides")
        super().__post_init__()

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w 1"], Mapping[str, Float[Array, "b h w 2"]]]:
        """Return the contour's u at full resolution, float32, and the logits that it starts from."""
        wide = jnp.promote_types(x.dtype, jnp.float32)
        image = x[..., 0].astype(wide)
        decoded, _ = self.decoded(x, attend, train)
        x = upsample2(decoded)

        def branch(name: str, features: int) -> Array:
            return Branch(self.branch, features, self.numerics, name=name)(x, train=train).astype(wide)

        mu, weight, logits = branch("mu", 1)[..., 0], branch("lambda", 1)[..., 0], branch("logits", 2)
        u = contour(
            jax.nn.softmax(logits)[..., 1],
            image,
            SCALE * mu,
            SCALE * weight,
            valid=attend.real(x),
            iterations=self.iterations,
            epsilon=self.epsilon,
            means=self.means,
            axis_name=self.numerics.axis_name if train else None,
        )
        return u[..., None], {"start": logits}

    def classify(self, features: Float[Array, "b h w 1"], *, train: bool) -> Float[Array, "b h w 2"]:
        """Return 0 for the background and log(u / (1 - u)) for the foreground, u kept away from 0 and 1."""
        u = jnp.clip(features, NEAREST, 1 - NEAREST)
        return jnp.pad(jnp.log(u) - jnp.log1p(-u), ((0, 0), (0, 0), (0, 0), (1, 0)))

    def classify_auxiliary(self, name: str, features: Float[Array, "b h w 2"]) -> Float[Array, "b h w 2"]:
        """Return ``features``, which are logits."""
        return features


def dacn(
    *,
    size: str = "161",
    branch: int = 32,
    iterations: int = 2,
    epsilon: float = 1e-3,
    means: str = "image",
    **shared: Any,
) -> DACN:
    """Return the DACN of a named ``size``, a key of ``denseunet.SIZES``; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a size or means that do not exist, a branch or number of iterations below 1, an epsilon that is
            not above 0, or other than two classes.
    """
    checks.one_of("size", size, SIZES)
    checks.one_of("means", means, MEANS)
    checks.at_least_one(branch=branch, iterations=iterations)
    checks.require(0 < epsilon < math.inf, "epsilon", epsilon, "a number above 0")
    like = {"branch": branch, "iterations": iterations, "epsilon": float(epsilon), "means": means}
    return DACN(widths=SIZES[size], **like, **shared)
