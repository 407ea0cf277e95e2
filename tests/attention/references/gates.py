"""Record the gates and the channel attention from public code.

    python gates.py CLONE_OF_ATTENTION_MODULE CLONE_OF_ATTENTION_GATED_NETWORKS CLONE_OF_IMAGE_SEGMENTATION \
        CLONE_OF_SENET CLONE_OF_DANET

cbam, bam              Jongchan/attention-module (MIT): MODELS/cbam.py at e4ee180 and MODELS/bam.py at 3a34385
attention_gate         ozan-oktay/Attention-Gated-Networks d8a69fd (MIT): models/layers/grid_attention_layer.py, as it
                       runs today, and with corners aligned as in the PyTorch that it was written for
attention_gate_1x1     LeeJunHyun/Image_Segmentation 7a6e5f9 (no licence; run only): Attention_block of network.py
squeeze_excite         moskomule/senet.pytorch 9d279ec (MIT): senet/se_module.py
channel_attention      junfu1115/DANet 766c34e (MIT): CAM_Module of encoding/nn/da_att.py
"""

import sys
import warnings
from copy import deepcopy
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from recording import drawn, load, record


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape).double()


def cbam(models: Path) -> None:
    blocks = load(models / "cbam.py")
    x, whole = images(2, 4, 4, 5), drawn(blocks.CBAM(4, 2))
    by_all = blocks.ChannelGate(4, 2, ["avg", "max", "lp", "lse"]).double()
    by_all.load_state_dict(whole.ChannelGate.state_dict())
    trained = deepcopy(whole).train()
    outputs = {
        "whole": whole(x),
        "spatial": whole.SpatialGate(x),
        "channel": whole.ChannelGate(x),
        "channel by all": by_all(x),
        "train": trained(x),
        "next_mean": trained.SpatialGate.spatial.bn.running_mean,
    }
    record("cbam", whole, x=x, **outputs)


def bam(models: Path) -> None:
    blocks = load(models / "bam.py")
    blocks.gate_activation = None  # A name that it reads, and neither defines nor uses.
    whole = blocks.BAM(32)
    whole.channel_att, whole.spatial_att = blocks.ChannelGate(4, 2), blocks.SpatialGate(4, 2, 2, 3)
    x = images(2, 4, 5, 5)  # Its pooling wants squares.
    drawn(whole)
    channel, spatial = whole.channel_att(x), whole.spatial_att(x)
    outputs = {
        "spatial": (1 + spatial.sigmoid()) * x,
        "product": whole(x),
        "sum": (1 + (channel + spatial).sigmoid()) * x,
        "train": deepcopy(whole).train()(x),
    }
    record("bam", whole, x=x, **outputs)


def attention_gate(clone: Path) -> None:
    other = SimpleNamespace(init_weights=lambda *_, **__: None)
    models = SimpleNamespace(networks_other=other)
    layers = load(clone / "models" / "layers" / "grid_attention_layer.py", models=models, models__networks_other=other)
    x, gate = images(2, 4, 5, 7), images(2, 3, 4, 3)
    attend = drawn(layers.GridAttentionBlock2D(4, 3, 2, sub_sample_factor=(2, 2)))
    y, weights = attend(x, gate)
    outputs = {"y": y, "weights": weights, "train": deepcopy(attend).train()(x, gate)[0]}
    layers.F.upsample = partial(torch.nn.functional.interpolate, align_corners=True)
    record("attention_gate", attend, x=x, gate=gate, **outputs, corners=attend(x, gate)[0])


def attention_gate_1x1(clone: Path) -> None:
    x, gate = images(2, 4, 3, 5), images(2, 3, 3, 5)
    attend = drawn(load(clone / "network.py").Attention_block(3, 4, 2))
    outputs = {"y": attend(gate, x), "train": deepcopy(attend).train()(gate, x)}
    record("attention_gate_1x1", attend, x=x, gate=gate, **outputs)


def squeeze_excite(clone: Path) -> None:
    x, attend = images(2, 8, 3, 5), drawn(load(clone / "senet" / "se_module.py").SELayer(8, 4))
    record("squeeze_excite", attend, x=x, y=attend(x))


def channel_attention(clone: Path) -> None:
    x, attend = images(2, 8, 3, 5) / 4, drawn(load(clone / "encoding" / "nn" / "da_att.py").CAM_Module(8))
    record("channel_attention", attend, x=x, y=attend(x))


def main(attention_module: Path, *clones: Path) -> None:
    warnings.simplefilter("ignore")  # Of names that torch has renamed since.
    torch.manual_seed(0)
    cbam(attention_module / "MODELS")
    bam(attention_module / "MODELS")
    families = (attention_gate, attention_gate_1x1, squeeze_excite, channel_attention)
    for family, clone in zip(families, clones, strict=True):
        family(clone)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
