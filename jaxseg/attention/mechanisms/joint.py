"""Joint attention: where self-attention S, point-wise attention w and the shortcuts run (paper, section 2.2, Fig. 2).

Each structure is a function of the features x, of S (the aggregation without its shortcut) and of w (a map of one
channel). The first nine are the paper's; Fig. 2 leaves room for the others. For each, and any S and w,

    y = p x + l S(r x),        p, l, r maps made from w alone,

so its composition is Eq. 1 again, with the weights diag(p) + diag(l) A diag(r): see ``Chain``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int

from jaxseg.attention.form import Dense, Form
from jaxseg.attention.mechanisms.pointwise import pwa
from jaxseg.attention.mechanisms.self_attention import sa
from jaxseg.attention.mechanisms.signatures import accepts, options
from jaxseg.attention.module import Attention, Features, Gate, Input, Part, Unchecked, arrived, flat
from jaxseg.attention.values import masked

Branch = Callable[[Array], Array]
Structure = Callable[[Array, Branch, Branch], Array]


def ja1(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel, shortcut inside:  y = w(x) (S(x) + x)."""
    return w(x) * (s(x) + x)


def ja2(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel, shortcut outside:  y = w(x) S(x) + x."""
    return w(x) * s(x) + x


def ja3(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel, two shortcuts:  v = S(x) + x;  y = w(x) v + v."""
    v = s(x) + x
    return w(x) * v + v


def ja4(x: Array, s: Branch, w: Branch) -> Array:
    """Self-attention first, shortcut inside:  u = S(x) + x;  y = w(u) u."""
    u = s(x) + x
    return w(u) * u


def ja5(x: Array, s: Branch, w: Branch) -> Array:
    """Self-attention first, shortcut outside:  u = S(x);  y = w(u) u + x."""
    u = s(x)
    return w(u) * u + x


def ja6(x: Array, s: Branch, w: Branch) -> Array:
    """Self-attention first, two shortcuts:  u = S(x) + x;  y = w(u) u + u."""
    u = s(x) + x
    return w(u) * u + u


def ja7(x: Array, s: Branch, w: Branch) -> Array:
    """Point-wise attention first, shortcut inside:  u = w(x) x;  y = S(u) + u."""
    u = w(x) * x
    return s(u) + u


def ja8(x: Array, s: Branch, w: Branch) -> Array:
    """Point-wise attention first, shortcut outside:  u = w(x) x;  y = S(u) + x."""
    return s(w(x) * x) + x


def ja9(x: Array, s: Branch, w: Branch) -> Array:
    """Point-wise attention first, two shortcuts:  u = w(x) x + x;  y = S(u) + u. The paper's best."""
    u = w(x) * x + x
    return s(u) + u


def ja3b(x: Array, s: Branch, w: Branch) -> Array:
    """JA-3 with its second shortcut from x:  y = w(x) (S(x) + x) + x."""
    return w(x) * (s(x) + x) + x


def ja4b(x: Array, s: Branch, w: Branch) -> Array:
    """JA-4 with its shortcut between map and product:  u = S(x);  y = w(u) (u + x)."""
    u = s(x)
    return w(u) * (u + x)


def ja6b(x: Array, s: Branch, w: Branch) -> Array:
    """JA-6 with its second shortcut from x:  u = S(x) + x;  y = w(u) u + x."""
    u = s(x) + x
    return w(u) * u + x


def ja9b(x: Array, s: Branch, w: Branch) -> Array:
    """JA-9 with its second shortcut from x:  u = w(x) x + x;  y = S(u) + x."""
    return s(w(x) * x + x) + x


def ja_p1(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel sum:  y = w(x) x + S(x)."""
    return w(x) * x + s(x)


def ja_p2(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel sum, one shortcut:  y = w(x) x + S(x) + x."""
    return w(x) * x + s(x) + x


def ja_p3(x: Array, s: Branch, w: Branch) -> Array:
    """Parallel sum, two shortcuts:  y = (w(x) x + x) + (S(x) + x)."""
    return (w(x) * x + x) + (s(x) + x)


STRUCTURES = (ja1, ja2, ja3, ja4, ja5, ja6, ja7, ja8, ja9, ja3b, ja4b, ja6b, ja9b, ja_p1, ja_p2, ja_p3)


class Parts(NamedTuple):
    """What a joint structure shows: its two parts and their composition, as rows or as ``Dense``."""

    point_wise: Any
    self: Any
    composed: Any  # None where self-attention pools its keys: a maximum has no weights to compose.


@struct.dataclass
class Chain:
    """Joint attention at a given input: the forms of its parts, each at the input which that part read.

    The composition is y = sum_j (p_i [i = j] + l_i A_ij r_j) x_j, with A the weights of self-attention. It leaves out
    what acts on channels alone: W_z W_g, batch normalisation and gain count as the identity. So it shows where the
    structure looks even while the gain is still zero. For JA-9 it is (A + I) diag(1 + w).
    """

    point_wise: Any  # a Form over ``Itself``
    self_attention: Any  # a Form over ``Everywhere``
    x: Any  # [B, N, C]
    structure: Structure = struct.field(pytree_node=False)

    @property
    def support(self) -> Any:
        """The support of the self-attention."""
        return self.self_attention.support

    def maps(self) -> tuple[Float[Array, "B N 1"], Float[Array, "B N 1"], Float[Array, "B N 1"]]:
        """Return p, l and r: the structure applied to a field of ones, with S cut and with S open."""
        gate = gate_map(self.point_wise)
        ones = jnp.ones_like(gate)
        read = []

        def cut(u: Array) -> Array:
            read.append(u)
            return jnp.zeros_like(u)

        p = self.structure(ones, cut, lambda _: gate)
        return p, self.structure(ones, jnp.ones_like, lambda _: gate) - p, read[0]

    def rows(self, i: Int[Array, " R"]) -> Parts:
        """Return the rows of queries ``i``, each [B, R, 1, *keys]."""
        a = self.self_attention.rows(i)
        parts = Parts(self.point_wise.rows(i), a, None)
        if self.support.keys != self.support.queries:
            return parts
        p, left, right = self.maps()
        shape = (right.shape[0], len(i), 1, right.shape[1])
        rows = left[:, i, :, None] * a.reshape(shape) * right[:, None, None, :, 0]
        rows = rows.at[:, jnp.arange(len(i)), 0, i].add(p[:, i, 0])
        return parts._replace(composed=rows.reshape(a.shape))

    def dense(self) -> Parts:
        """Return the parts and their composition written out; the composition's values are x."""
        parts = Parts(self.point_wise.dense(), self.self_attention.dense(), None)
        rows = self.rows(jnp.arange(self.x.shape[1])).composed
        if rows is None:
            return parts
        weights = rows.reshape(*rows.shape[:2], 1, -1).swapaxes(1, 2)
        return parts._replace(composed=Dense(weights, self.x[:, :, None], weights[:, 0] @ self.x))


def gate_map(form: Form) -> Float[Array, "B N 1"]:
    """Return the map of a gate, zero at masked positions."""
    return masked(form.score.w[..., 0], form.valid)


class Joint(Part):
    """Self-attention and point-wise attention in one of the ``STRUCTURES``.

    Arguments of a call and errors are those of ``Attention``.

    Args:
        structure: how they are joined.
        self_attention: S; its own shortcut is left to the structure.
        point_wise: w, a gate of one map.
        numerics: of both.

    """

    structure: Structure
    self_attention: Attention
    point_wise: Attention

    def trace(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> tuple[Features, Chain]:
        """Return the output at ``x`` and the chain that made it."""
        x, valid = arrived(x, valid)
        forms = {}
        like = {"train": train, "valid": valid, "gate": gate}

        def s(u: Array) -> Array:
            forms["self"] = self.self_attention.form(u, **like)
            return self.self_attention.finish(forms["self"], u, train=train)

        def w(u: Array) -> Array:
            forms["point_wise"] = self.point_wise.form(u, **like)
            return gate_map(forms["point_wise"]).reshape(*u.shape[:-1], 1)

        y = self.structure(x, s, w)
        return y, Chain(forms["point_wise"], forms["self"], flat(x), self.structure)

    def form(self, x: Input, *, train: bool = False, valid: Unchecked = None, gate: Gate = None) -> Chain:
        """Return both Forms, each at the input that it read, and how they are joined."""
        return self.trace(x, train=train, valid=valid, gate=gate)[1]

    def __call__(self, x: Input, *, train: bool, valid: Unchecked = None, gate: Gate = None) -> Features:
        """Attend; arguments and errors are those of ``Attention``."""
        return self.trace(x, train=train, valid=valid, gate=gate)[0]


def joint(structure: Structure) -> Callable[..., Joint]:
    """Return a constructor of ``structure``, which takes the options of ``sa`` and of ``pwa``.

    Both have an option ``use_bn``; that of ``pwa`` is called ``map_use_bn`` here.
    """
    of_self, of_map = options(sa), options(pwa)
    of_map["map_use_bn"] = of_map.pop("use_bn")

    @accepts(of_self, of_map)
    def constructor(**chosen: Any) -> Joint:
        self_attention = sa(**{name: value for name, value in chosen.items() if name in of_self})
        mapped = {name: value for name, value in chosen.items() if name in of_map}
        if "map_use_bn" in mapped:
            mapped["use_bn"] = mapped.pop("map_use_bn")
        point_wise = pwa(**mapped)
        _refuse_dead(structure, self_attention, point_wise)
        return Joint(structure, self_attention, point_wise)

    constructor.__name__, constructor.__doc__ = structure.__name__, structure.__doc__
    return constructor


# Activations with which a structure gets no gradient at the start. The map of these structures reads S(x) alone, which
# is zero at the start, and with these activations so is the map. In JA-5 the product w(S) S and both its derivatives
# are then zero. JA-4b multiplies x too, so a map that ends linearly gets a gradient through its bias.
DEAD: dict[Structure, tuple[str, ...]] = {ja5: ("identity", "relu", "bn_relu"), ja4b: ("relu", "bn_relu")}


def _refuse_dead(structure: Structure, self_attention: Attention, point_wise: Attention) -> None:
    activation, gamma = point_wise.factors.activation, self_attention.output.gamma_init  # type: ignore[union-attr]
    if gamma == 0 and activation in DEAD.get(structure, ()):
        raise ValueError(
            f"{structure.__name__} with activation {activation!r} and gamma_init 0 gets no gradient: its map reads "
            "S(x) alone, which starts at zero. Take activation 'sigmoid' or 'one_plus_tanh', or gamma_init=1."
        )
