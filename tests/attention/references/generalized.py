"""Record the four-term attention of Zhu et al. (2019) from public code, all fifteen subsets of its terms.

    python generalized.py CLONE_OF_MMCV

open-mmlab/mmcv 19a0241 (Apache-2.0): GeneralizedAttention of mmcv/cnn/bricks/generalized_attention.py

Its branch for the second term without the fourth transposes the query's axes before it meets the rows' encoding, which
fails on a grid that is not square and is wrong on one that is. Those subsets are therefore run through the branch for
both terms, with the fourth's vector at zero: the paper's formula.
"""

import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import torch
from recording import drawn, load, record


def main(mmcv: Path) -> None:
    torch.manual_seed(0)
    registry = SimpleNamespace(MODELS=SimpleNamespace(register_module=lambda: lambda block: block))
    initialisers = SimpleNamespace(kaiming_init=lambda *_, **__: None)
    path = mmcv / "mmcv" / "cnn" / "bricks" / "generalized_attention.py"
    block = load(path, mmengine__registry=registry, mmengine__model__utils=initialisers).GeneralizedAttention

    x = torch.randn(1, 8, 3, 5).double()
    full = drawn(block(8, num_heads=2, kv_stride=1))
    full.geom_bias.data *= 4  # Else softmax hardly feels the fourth term alone.

    def attend(terms: str, **options: float) -> torch.Tensor:
        paper = f"{terms[:3]}1" if terms[1] == "1" else terms
        module = block(8, num_heads=2, attention_type=paper, **options).double()
        weights = {name: weight for name, weight in full.state_dict().items() if name in module.state_dict()}
        module.load_state_dict(weights)
        if paper != terms:
            module.geom_bias.data.zero_()
        return module(x).float()

    subsets = ["".join(bits) for bits in product("01", repeat=4)][1:]
    outputs = {f"y {terms}": attend(terms, kv_stride=1) for terms in subsets}
    strided = attend("1111", kv_stride=2)
    magnified = attend("0101", kv_stride=1, position_magnitude=0.5)
    record("generalized", full, x=x, strided=strided, magnified=magnified, **outputs)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
