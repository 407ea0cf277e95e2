"""What public references computed, stored in ``references`` beside the scripts that ran them."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np


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
