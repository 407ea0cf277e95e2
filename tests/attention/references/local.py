"""Record involution, dynamic_conv, swin and neighborhood from public code.

    python local.py CLONE_OF_INVOLUTION CLONE_OF_FAIRSEQ CLONE_OF_SWIN CLONE_OF_NAT

involution      d-li14/involution 6551dc5 (MIT): involution of det/mmdet/models/utils/involution_naive.py
dynamic_conv    facebookresearch/fairseq 00bc279 (MIT): DynamicConv1dTBC and LightweightConv1dTBC of fairseq/modules,
                between the linear layers of LightConvEncoderLayer in fairseq/models/lightconv.py
swin            microsoft/Swin-Transformer 055c506 (MIT): WindowAttention of models/swin_transformer.py, within the
                windows, shifts and masks of its SwinTransformerBlock
neighborhood    SHI-Labs/Neighborhood-Attention-Transformer eab2a1c (MIT): LegacyNeighborhoodAttention2D of
                natten/nattentorch2d.py, its form in plain torch
"""

import importlib
import sys
import warnings
from copy import deepcopy
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from recording import drawn, load, record
from torch import nn


class ConvModule(nn.Module):
    """Stands for mmcv's: a 1x1 convolution, with a bias unless batch normalisation and ReLU follow."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, norm_cfg: dict | None, **_: object):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=norm_cfg is None)
        self.norm = nn.Identity() if norm_cfg is None else nn.Sequential(nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x))


def involution(clone: Path) -> None:
    path = clone / "det" / "mmdet" / "models" / "utils" / "involution_naive.py"
    attend = drawn(load(path, mmcv__cnn=SimpleNamespace(ConvModule=ConvModule)).involution(32, 3, 1))
    x = torch.randn(2, 32, 4, 5).double()
    record("involution", attend, x=x, y=attend(x), train=deepcopy(attend).train()(x))


class LightConv(nn.Module):
    """The linear layers of fairseq's encoder layer around a convolution; it takes and gives T x B x C."""

    def __init__(self, channels: int, conv: nn.Module, *, glu: bool):
        super().__init__()
        self.linear1, self.conv = nn.Linear(channels, channels * (1 + glu)), conv
        self.act, self.linear2 = nn.GLU() if glu else nn.Identity(), nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(self.conv(self.act(self.linear1(x))))


def dynamic(clone: Path) -> None:
    utils = SimpleNamespace(softmax=lambda x, dim, onnx_trace: torch.softmax(x, dim))
    package, modules = ModuleType("fairseq"), ModuleType("fairseq.modules")
    package.utils, package.__path__ = utils, []
    modules.__path__ = [str(clone / "fairseq" / "modules")]
    state = SimpleNamespace(with_incremental_state=lambda block: block)
    dropout = SimpleNamespace(FairseqDropout=lambda *_, **__: lambda weight, inplace: weight)
    sys.modules |= {"fairseq": package, "fairseq.modules": modules}
    sys.modules |= {"fairseq.incremental_decoding_utils": state, "fairseq.modules.fairseq_dropout": dropout}
    convs = importlib.import_module("fairseq.modules.dynamic_convolution")
    fixed = importlib.import_module("fairseq.modules.lightweight_convolution")

    x = torch.randn(7, 2, 6).double()
    options = {"kernel_size": 3, "padding_l": 1, "num_heads": 2, "weight_softmax": True}
    gated = drawn(LightConv(6, convs.DynamicConv1dTBC(6, **options), glu=True))
    y = gated(x)
    gated.conv.renorm_padding = True
    record("dynamic_conv", gated, x=x, y=y, renormalised=gated(x))
    plain = drawn(LightConv(6, fixed.LightweightConv1dTBC(6, **options), glu=False))
    record("lightweight_conv", plain, x=x, y=plain(x))


def swin(clone: Path) -> None:
    layers = SimpleNamespace(DropPath=nn.Identity, to_2tuple=lambda a: (a, a), trunc_normal_=lambda *_, **__: None)
    swin = load(clone / "models" / "swin_transformer.py", timm__models__layers=layers)
    x, size = torch.randn(2, 6, 9, 8).double(), 3
    blocks = [swin.SwinTransformerBlock(8, (6, 9), 2, size, shift) for shift in (0, 2)]
    drawn(blocks[0])
    weights = blocks[0].attn.state_dict()

    def attend(block: nn.Module, shift: int) -> torch.Tensor:
        block.double().attn.load_state_dict(weights)
        shifted = torch.roll(x, (-shift, -shift), (1, 2))
        windows = swin.window_partition(shifted, size).flatten(1, 2)
        y = block.attn(windows, mask=block.attn_mask).unflatten(1, (size, size))
        return torch.roll(swin.window_reverse(y, size, 6, 9), (shift, shift), (1, 2))

    record("swin", blocks[0].attn, x=x, y=attend(blocks[0], 0), shifted=attend(blocks[1], 2))


def neighborhood(clone: Path) -> None:
    warnings.simplefilter("ignore")
    attend = drawn(load(clone / "natten" / "nattentorch2d.py").LegacyNeighborhoodAttention2D(8, 3, 2))
    x = torch.randn(2, 5, 6, 8).double()
    record("neighborhood", attend, x=x, y=attend(x))


def main(*clones: str) -> None:
    torch.manual_seed(0)
    for family, clone in zip((involution, dynamic, swin, neighborhood), clones, strict=True):
        family(Path(clone))


if __name__ == "__main__":
    main(*sys.argv[1:])
