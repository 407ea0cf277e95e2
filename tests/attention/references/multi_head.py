"""Record multi_head, linear_attention and efficient_attention from public code.

    python multi_head.py CLONE_OF_FAST_TRANSFORMERS CLONE_OF_EFFICIENT_ATTENTION

multi_head            torch.nn.MultiheadAttention, torch 2.13 (BSD-3-Clause)
linear_attention      idiap/fast-transformers 2aa1368 (MIT): LinearAttention in its AttentionLayer, eps 1e-6
efficient_attention   cmsflash/efficient-attention 23d4403 (MIT): EfficientAttention
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from recording import drawn, load, record


def main(fast_transformers: Path, efficient_attention: Path) -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 15, 8).double()
    padding = torch.rand(2, 15) < 0.3

    attend = drawn(torch.nn.MultiheadAttention(8, 2, batch_first=True))
    y, weights = attend(tokens, tokens, tokens, average_attn_weights=False)
    masked, _ = attend(tokens, tokens, tokens, key_padding_mask=padding)
    record("multi_head", attend, x=tokens, y=y, valid=~padding, masked=masked, weights=weights[0])

    files = fast_transformers / "fast_transformers" / "attention"
    inner = load(files / "linear_attention.py").LinearAttention()

    def contiguous(*arguments: object) -> torch.Tensor:
        return inner(*arguments).contiguous()  # Its layer takes a view, which this torch's einsum does not allow.

    layer = drawn(load(files / "attention_layer.py").AttentionLayer(contiguous, 8, 2, d_keys=3, d_values=5))
    mask = SimpleNamespace(all_ones=True)
    y = layer(tokens, tokens, tokens, mask, None, SimpleNamespace(float_matrix=torch.ones(2, 15).double()))
    masked = layer(tokens, tokens, tokens, mask, None, SimpleNamespace(float_matrix=(~padding).double()))
    record("linear_attention", layer, x=tokens, y=y, valid=~padding, masked=masked)

    x = torch.randn(2, 8, 3, 5).double()
    attend = drawn(load(efficient_attention / "efficient_attention.py").EfficientAttention(8, 6, 2, 10))
    record("efficient_attention", attend, x=x, y=attend(x))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
