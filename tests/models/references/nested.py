"""Record UNet++ with batch normalisation and the U-Net of 2015, written in torch from their papers, 2 to 32 channels.

    PYTHONPATH=../../attention/references python nested.py

unetpp      Zhou et al. 2018; names and order of concatenation of MrGiovanni/UNetPlusPlus 2659ddc2 (own licence; read
            only), keras/helper_functions.py, which has dropout and biases in place of normalisation
valid_unet  Ronneberger et al. 2015: no padding, images mirrored at their borders; without its dropout

These are re-expressions, as those of ``rewritten``. Auxiliary logits come behind the first ones, in training alone.
"""

import numpy as np
import torch
from recording import alive, passes, record
from rewritten import Written, cat
from torch import Tensor
from torch.nn import functional as F

WIDTH = 2


class UNetPlusPlus(Written):
    """Nodes by the paper's recursion: X[i, 0] of X[i - 1, 0], X[i, j] of X[i + 1, j - 1] and X[i, 0..j - 1]."""

    def unit(self, stage: str, x: Tensor, features: int) -> Tensor:
        for layer in (1, 2):
            name = f"conv{stage}_{layer}"
            x = F.relu(self.norm(f"{name}_bn", self.conv(name, x, features, bias=False)))
        return x

    def forward(self, x: Tensor) -> Tensor:
        made: dict[tuple[int, int], Tensor] = {}

        def node(i: int, j: int) -> Tensor:
            if (i, j) not in made:
                stage, features = f"{i + 1}{j + 1}", WIDTH << i
                if j == 0:
                    of = F.max_pool2d(node(i - 1, 0), 2) if i else x
                else:
                    below = node(i + 1, j - 1)
                    up = self.made(f"up{stage}", torch.nn.ConvTranspose2d, below.shape[1], features, 2, 2)(below)
                    of = cat(up, *(node(i, before) for before in range(j)))
                made[i, j] = self.unit(stage, of, features)
            return made[i, j]

        logits = [self.conv(f"output_{j}", node(0, j), 2, 1) for j in (4, 1, 2, 3)]
        return cat(*logits) if self.training else logits[0]


class ValidUNet(Written):
    """One tile that yields the whole image: 16 k + 188 pixels a side in, 16 k + 4 out."""

    def unit(self, name: str, x: Tensor, features: int) -> Tensor:
        for layer in (1, 2):
            x = F.relu(self.made(f"{name}_{layer}", torch.nn.Conv2d, x.shape[1], features, 3)(x))
        return x

    def forward(self, x: Tensor) -> Tensor:
        sides = x.shape[2:]
        for axis, side in enumerate(sides, start=2):
            whole = -(-side // 16) * 16
            mirrored = np.pad(np.arange(side), (94, 94 + whole - side), "reflect")
            x = x.index_select(axis, torch.from_numpy(mirrored))
        skips = []
        for level in range(4):
            skips.append(self.unit(f"contracting{level}", x, WIDTH << level))
            x = F.max_pool2d(skips[-1], 2)
        x = self.unit("lowest", x, WIDTH << 4)
        for level in (3, 2, 1, 0):
            x = self.made(f"rise{level}", torch.nn.ConvTranspose2d, x.shape[1], WIDTH << level, 2, 2)(x)
            top, left = ((skips[level].shape[axis] - x.shape[axis]) // 2 for axis in (2, 3))
            skip = skips[level][:, :, top : top + x.shape[2], left : left + x.shape[3]]
            x = self.unit(f"expanding{level}", cat(skip, x), WIDTH << level)
        return self.conv("logits", x, 2, 1)[:, :, 2 : 2 + sides[0], 2 : 2 + sides[1]]


def main() -> None:
    torch.manual_seed(0)
    for name, kind, size in (("unetpp", UNetPlusPlus, (32, 16)), ("valid_unet", ValidUNet, (20, 9))):
        x = torch.randn(2, 3, *size).double()
        module = alive(kind(x))
        record(name, module, **passes(module, x, every=2 if name == "unetpp" else 1))  # as large as a file may be


if __name__ == "__main__":
    main()
