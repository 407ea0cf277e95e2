"""What public references computed, stored in folders ``references`` beside the scripts that ran them."""

import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxseg.attention import aggregate as eq1
from jaxseg.attention import module as protocol

# Leaves of our layers, and their names in torch.
KINDS = {"kernel": "weight", "bias": "bias", "scale": "weight", "mean": "running_mean", "var": "running_var"}
KINDS |= {"table": "weight", "gamma": "gamma", "beta": "gamma"}


def recorded(name: str) -> dict[str, np.ndarray]:
    """Return inputs, weights by their names in the reference, and outputs; numbers in float64."""
    (path,) = Path(__file__).parent.glob(f"*/references/{name}.npz")
    with np.load(path) as stored:
        arrays = dict(stored)
    if "layout" in arrays:  # many small ones are stored as a single one
        flat, start = arrays.pop("packed"), 0
        for entry in arrays.pop("layout"):
            name, *sides = entry.split(" ")
            shape = tuple(map(int, sides))
            arrays[name] = flat[start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)
    return {key: array if array.dtype == bool else array.astype(float) for key, array in arrays.items()}


def channels_last(image: np.ndarray) -> jnp.ndarray:
    """Return [batch, *spatial, channels] of torch's [batch, channels, *spatial]."""
    return jnp.asarray(np.moveaxis(image, 1, -1))


def linear(weights: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return a Dense layer of torch's linear layer or 1x1 convolution ``name``."""
    kernel = weights[f"{name}.weight"]
    bias = {"bias": weights[f"{name}.bias"]} if f"{name}.bias" in weights else {}
    return {"kernel": kernel.reshape(kernel.shape[:2]).T, **bias}


def norm(weights: dict[str, np.ndarray], name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return parameters and running statistics of torch's batch normalisation ``name``."""
    parameters = {"scale": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]}
    return parameters, {"mean": weights[f"{name}.running_mean"], "var": weights[f"{name}.running_var"]}


def variables(
    shapes: Any, weights: dict[str, np.ndarray], layers: Mapping[str, str], transposed: Collection[str] = ()
) -> Any:
    """Return recorded weights as variables of the given shapes.

    Args:
        shapes: of the variables, {"params": ..., "batch_stats": ...}.
        weights: by their names in the reference.
        layers: the names there, by the layers' paths here.
        transposed: paths of transposed convolutions, whose kernels are [in, out, *taps] there.
    """
    flat = {}
    for path, leaf in flatten_dict(shapes, sep="/").items():
        layer, kind = path.split("/", 1)[1].rsplit("/", 1)
        weight = weights[f"{layers[layer]}.{KINDS[kind]}"]
        if kind == "kernel":  # [out, in, *taps] there; a 1x1 convolution may be a dense layer here
            weight = np.moveaxis(weight, (0, 1), (-2, -1) if layer in transposed else (-1, -2))
        flat[path] = weight.reshape(leaf.shape)
    return unflatten_dict(flat, sep="/")


def agree(ref: dict[str, np.ndarray], weights: Any, apply: Callable[..., Any]) -> None:
    """Check the passes that ``recording.passes`` stored, results and gradients, in evaluation and in training.

    Args:
        ref: what was recorded.
        weights: our variables of it.
        apply: ``apply(weights, x, train=...)`` gives our result, in the type of x.
    """

    @jax.jit
    def run(weights: Any, x: Any, pull: Any) -> dict[str, Any]:
        found = {}
        for mode in ("eval", "train"):
            found[mode], pulled = jax.vjp(lambda x: apply(weights, x, train=mode == "train"), x)  # noqa: B023
            (found[f"{mode} gradient"],) = pulled(pull)
        return found

    for name, result in run(weights, channels_last(ref["x"]), channels_last(ref["pull"])).items():
        expected = channels_last(ref[name])
        assert np.abs(expected).max((1, 2, 3)).all()  # neither image is silent
        np.testing.assert_allclose(result, expected, atol=1e-10 * np.abs(expected).max(), err_msg=name)


def of_signals(module: Any, params: Any, x: Any) -> Any:
    """Return attention on signals [batch, length, channels], part by part: modules take two spatial axes at least."""
    form = module.factors.apply({"params": params["factors"]}, x, train=False)
    return module.output.apply({"params": params["output"]}, eq1(form), x, train=False)


def written_out(module: Any, variables: Any, x: Any, **options: Any) -> Any:
    """Return ``module.apply`` with Eq. 1 by its dense form: no fast one is compiled, and they are tested elsewhere."""

    def aggregate(form: Any) -> Any:
        y = form.dense().out
        return y.reshape(y.shape[0], *form.support.queries, y.shape[-1])

    with mock.patch.object(protocol, "aggregate", aggregate):
        return jax.jit(partial(module.apply, **options))(variables, x)
