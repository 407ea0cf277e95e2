"""The soft centreline Dice: overlap of soft skeletons, which a broken vessel loses and a thin or thick one does not."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.losses.loss import Combined, Loss, Sums, membership
from jaxseg.losses.overlap import dice

Maps = Float[Array, "batch height width foreground"]


@dataclasses.dataclass(frozen=True)
class CentrelineDice(Loss):
    """Soft clDice (Shit et al. 2021): 1 - 2 P S / (P + S), with the precision P and sensitivity S of the skeletons.

    P = (sum S(p) y + s) / (sum S(p) + s) and S = (sum S(y) p + s) / (sum S(y) + s), summed over the pixels of the
    batch; S(.) is ``soft_skeleton``. The mean over the foreground classes. With no foreground in the truth S is 1, and
    the value 0 where the prediction has no skeleton, else near 1.

    Attributes:
        iterations: of the skeleton; at least half the width, in pixels, of the thickest structure.
        smoothing: s, in pixels; the authors' code takes 1.
    """

    iterations: int = 10
    smoothing: float = 1e-5

    def __post_init__(self) -> None:
        checks.at_least_one(iterations=self.iterations)
        checks.require(self.smoothing > 0, "smoothing", self.smoothing, "a number of pixels above 0")

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        p, y = (maps[..., 1:] for maps in membership(logits, labels, valid))
        predicted = soft_skeleton(p, valid[..., None], self.iterations)
        true = soft_skeleton(y, valid[..., None], self.iterations)
        pixels = (0, 1, 2)
        return {
            "predicted": predicted.sum(pixels),
            "predicted on truth": (predicted * y).sum(pixels),
            "true": true.sum(pixels),
            "true on prediction": (true * p).sum(pixels),
        }

    def value(self, sums: Sums) -> Array:
        s = self.smoothing
        precision = (sums["predicted on truth"] + s) / (sums["predicted"] + s)
        sensitivity = (sums["true on prediction"] + s) / (sums["true"] + s)
        return (1 - 2 * precision * sensitivity / (precision + sensitivity)).mean()


def cldice(*, weight: float = 0.5, iterations: int = 10, smoothing: float = 1e-5) -> Combined:
    """(1 - weight) Dice loss + weight soft clDice (Shit et al. 2021, eq. 3), both over the batch.

    ``weight=1`` is clDice alone. ``iterations`` of the skeleton are at least half the width, in pixels, of the thickest
    structure. With no foreground in the truth the Dice part is near 1 unless nothing is predicted.
    """
    checks.require(0 <= weight <= 1, "weight", weight, "a number from 0 to 1")
    return Combined(
        {
            "dice": (1 - weight, dice(smoothing=smoothing)),
            "cldice": (weight, CentrelineDice(iterations, smoothing)),
        }
    )


def soft_skeleton(maps: Maps, valid: Bool[Array, "batch height width 1"], iterations: int) -> Maps:
    """Return the soft skeleton of maps in [0, 1] (Shit et al. 2021, algorithm 1).

    S = relu(x - open(x)); then, as often as said: x is eroded, d = relu(x - open(x)), S grows by relu(d - S d). Erosion
    is the least of a cell, its two neighbours in the row and its two in the column; opening is erosion and then the
    largest of 3 x 3 cells. Cells that are not valid, as those outside, are no neighbours.
    """

    def erode(x: Maps) -> Maps:
        x = jnp.where(valid, x, jnp.inf)
        return jnp.where(valid, jnp.minimum(_row(x, jnp.minimum, jnp.inf), _column(x, jnp.minimum, jnp.inf)), 0)

    def edges(x: Maps) -> Maps:
        eroded = jnp.where(valid, erode(x), -jnp.inf)
        opened = _column(_row(eroded, jnp.maximum, -jnp.inf), jnp.maximum, -jnp.inf)
        return jnp.where(valid, jax.nn.relu(x - jnp.where(valid, opened, 0)), 0)

    @jax.checkpoint  # keeps x and S of each turn for the gradient, and nothing in between
    def turn(state: tuple[Maps, Maps], _: None) -> tuple[tuple[Maps, Maps], None]:
        x, skeleton = erode(state[0]), state[1]
        found = edges(x)
        return (x, skeleton + jax.nn.relu(found - skeleton * found)), None

    return lax.scan(turn, (maps, edges(maps)), length=iterations)[0][1]


def _row(x: Maps, best, beyond: float) -> Maps:
    wide = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)), constant_values=beyond)
    return best(best(wide[:, :, :-2], wide[:, :, 2:]), x)


def _column(x: Maps, best, beyond: float) -> Maps:
    return _row(x.swapaxes(1, 2), best, beyond).swapaxes(1, 2)
