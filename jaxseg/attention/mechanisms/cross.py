"""Criss-cross attention: the lines through each position, along every axis."""

from __future__ import annotations

import flax.linen as nn

from jaxseg import checks
from jaxseg.attention.form import Form
from jaxseg.attention.mechanisms.parts import Gain, project
from jaxseg.attention.mechanisms.sequence import Sequence
from jaxseg.attention.module import Attention, Features, Gate, Mask, Part, flat_mask
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot
from jaxseg.attention.supports import Cross


class CrissCross(Part):
    """The factors of criss-cross attention. See ``criss_cross`` for the arguments."""

    width: int | None
    use_bias: bool

    @nn.compact
    def __call__(self, x: Features, *, train: bool, valid: Mask = None, gate: Gate = None) -> Form:
        """Return one pass at ``x`` as Eq. 1, without what follows it."""
        channels = x.shape[-1]
        width = self.width or max(channels // 8, 1)
        options = {"use_bias": self.use_bias, "dtype": self.dtype, "kernel_init": nn.initializers.glorot_uniform()}
        q, k = (project(x, 1, width, name, **options) for name in ("query", "key"))
        v = project(x, 1, channels, "value", **options)
        return Form(Cross(x.shape[1:-1]), Dot(q, k), softmax, v, flat_mask(valid))


def criss_cross(
    *,
    recurrence: int = 1,
    width: int | None = None,
    use_bias: bool = True,
    gamma_init: float = 0.0,
) -> Attention | Sequence:
    """Criss-cross attention: y = gamma C(x) + x, the softmax running over all lines through i jointly.

    Omega: row and column of i (in 3-D three lines), i once.  A: softmax_j q_i . k_j.  W: gamma W_V.  Heads: 1.
    Level N, each pass.  Huang et al. 2019, "CCNet", Eq. 1-2; code speedinghzl/CCNet, CrissCrossAttention.

    Args:
        recurrence: passes with the same weights, each with its own shortcut; two (CCNet) reach every position.
        width: channels of queries and keys; None is an eighth of those of x, at least 1.
        use_bias: biases of the three projections.
        gamma_init: the gain that C starts with; at 0 the block starts as the identity.

    Raises:
        ValueError: for a recurrence or width below 1.
    """
    checks.at_least_one(recurrence=recurrence)
    checks.at_least_one_if_given(width=width)
    step = Attention(CrissCross(width, use_bias), Gain(gamma_init), shortcut=True)
    return step if recurrence == 1 else Sequence((step,) * recurrence)
