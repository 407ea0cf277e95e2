"""The heads of DANet and PSANet, and scSE, answer as the public code does, and their gradients too, in both modes."""

import jax
import jax.numpy as jnp
from recorded import agree, linear, recorded, variables

from jaxseg.attention.channel import SCSE
from jaxseg.layers import Numerics
from jaxseg.models.danet import DANetHead
from jaxseg.models.psanet import PSANetHead

WIDE = Numerics(jnp.float64)
DANET = {f"pam/factors/{name}": f"sa.{name}_conv" for name in ("query", "key", "value")} | {
    "pam/output": "sa",
    "cam": "sc",
}
for ours, theirs in {"pam_in": "conv5a", "cam_in": "conv5c", "pam_out": "conv51", "cam_out": "conv52"}.items():
    DANET |= {f"{ours}/conv": f"{theirs}.0", f"{ours}/norm": f"{theirs}.1"}
PSANET = {"proj/conv": "proj.0", "proj/norm": "proj.1"}
for ours, end in {"collect": "", "distribute": "_p"}.items():
    PSANET |= {f"{ours}/reduce/conv": f"reduce{end}.0", f"{ours}/reduce/norm": f"reduce{end}.1"}
    PSANET |= {f"{ours}/hidden/conv": f"attention{end}.0", f"{ours}/hidden/norm": f"attention{end}.1"}
    PSANET |= {ours: f"attention{end}.3"}
SPACE = {"channel/reduce": "cSE.1", "channel/expand": "cSE.3", "space": "sSE.0"}


def of_layers(module, ref, layers):
    batch, channels, *grid = ref["x"].shape
    x = jnp.zeros((batch, *grid, channels))
    return variables(jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False)), ref, layers)


def test_the_head_of_danet():
    ref, head = recorded("danet_head"), DANetHead(WIDE, rate=0.0)
    classified = {"sum": linear(ref, "conv8.1"), "pam": linear(ref, "conv6.1"), "cam": linear(ref, "conv7.1")}

    def apply(weights, x, *, train):
        (y, auxiliary), _ = head.apply(weights, x, train=train, mutable=["batch_stats"])
        features = auxiliary | {"sum": y}
        return jnp.concatenate([features[name] @ of["kernel"] + of["bias"] for name, of in classified.items()], -1)

    with jax.enable_x64(True):
        agree(ref, of_layers(head, ref, DANET), apply)


def test_the_head_of_psanet():
    ref, head = recorded("psanet_head"), PSANetHead(WIDE, span=4)

    def apply(weights, x, *, train):
        return head.apply(weights, x, train=train, mutable=["batch_stats"])[0][0]

    with jax.enable_x64(True):
        agree(ref, of_layers(head, ref, PSANET), apply)


def test_scse():
    ref, block = recorded("scse"), SCSE(4, dtype=jnp.float64)
    with jax.enable_x64(True):
        agree(ref, of_layers(block, ref, SPACE), block.apply)
