"""What a Markdown document shows: its blocks of code, the files that it links and names."""

import re
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

ROOT = Path(__file__).parents[1]

initialised = nn.Module.init


def init(module, key, *args, **options):
    """Return random variables of a module; its own start would be compiled, operation by operation."""
    shapes = jax.eval_shape(lambda: initialised(module, key, *args, **options))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.1, 0.4, leaf.shape), leaf.dtype), shapes)


class Document:
    """A document of the repository."""

    def __init__(self, path: str):
        self.folder, self.text = (ROOT / path).parent, (ROOT / path).read_text()

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    def missing(self) -> list[str]:
        """Return what it links or names and does not exist: files, launchers, configs, notebooks, its own headings."""
        linked = re.findall(r"\]\((?!https?://)([^)#]+)", self.text)
        named = re.findall(r"\b(?:launch|configs)/\w+\.py|\bnotebooks/\w+\.ipynb|\bdocs/\w+\.py", self.text)
        places = [self.folder / path for path in linked] + [ROOT / path for path in named]
        headings = [re.sub(r"[^\w\- ]", "", line).replace(" ", "-").lower() for line in self.headings()]
        anchors = re.findall(r"\]\(#([^)]+)\)", self.text)
        return [str(place) for place in places if not place.exists()] + sorted(set(anchors) - set(headings))

    def headings(self) -> list[str]:
        return re.findall(r"^#+ (.*)$", self.text, re.MULTILINE)

    def tables(self) -> list[dict[str, str]]:
        """Return the rows of all tables, by the names of their columns."""
        rows, head = [], None
        for line in self.text.splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]] if line.startswith("|") else None
            if cells is None:
                head = None
            elif head is None:
                head = cells
            elif not set(cells[0]) <= set("-: "):
                rows.append(dict(zip(head, cells, strict=True)))
        return rows
