"""What public references computed, stored in ``references`` beside the scripts that ran them."""

from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.attention import aggregate as eq1
from jaxseg.attention import module as protocol


def recorded(name: str) -> dict[str, np.ndarray]:
    """Return inputs, weights by their names in the reference, and outputs; numbers in float64."""
    with np.load(Path(__file__).parent / "references" / f"{name}.npz") as stored:
        return {key: array if array.dtype == bool else array.astype(float) for key, array in stored.items()}


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
