"""Record networks whose public code does not run today, written again in torch from that code, in two dimensions.

    PYTHONPATH=../../attention/references python rewritten.py

hdenseunet      xmengli/H-DenseUNet 06cc436a (no licence): DenseUNet of denseunet.py, without its Scale layers
nonlocal_unet   divelab/Non-local-U-Nets 7e14d092 (GPL-3): network.py, utils/basic_ops.py and utils/attention.py
focusnet        chaitanya-kaul/TheFocusNetSeries 996d3309 (MIT): residual_network of focusnetpp.py
dacn, contour   moliqingcha/DACN 120a61e4 (no licence): acmdenseunet.py, ops.py and CCV of ccv.py
vesselnet       no code of its authors: the layers in which two public readings agree, logits without their last ReLU

These are re-expressions, not runs, of that code: they are as right as they were read. Nothing drops out, and the
constant of every normalisation is 1e-5 (hdenseunet there 1.1e-5 and 1e-3, focusnet 1e-3). Layers have the names of the
source where it has any. Auxiliary results come behind the first one, in training alone.
"""

import math

import torch
from recording import alive, passes, record
from torch import Tensor
from torch.nn import functional as F


def same(x: Tensor, taps: int, stride: int = 1, dilation: int = 1, value: float = 0.0) -> Tensor:
    """Return x padded as TensorFlow's SAME: the odd one of the padding comes last."""
    padding = []
    for side in (x.shape[3], x.shape[2]):
        whole = max((math.ceil(side / stride) - 1) * stride + (taps - 1) * dilation + 1 - side, 0)
        padding += [whole // 2, whole - whole // 2]
    return F.pad(x, padding, value=value)


def cat(*parts: Tensor) -> Tensor:
    return torch.cat(parts, 1)


def repeated(x: Tensor, times: int = 2) -> Tensor:
    return F.interpolate(x, scale_factor=times, mode="nearest")


class Written(torch.nn.Module):
    """A network by its layers, which are made when they are called first."""

    def __init__(self, images: Tensor):
        super().__init__()
        self.double()(images)

    def made(self, name: str, kind: type, *arguments: int, **options: object) -> torch.nn.Module:
        if name not in self._modules:
            self.add_module(name, kind(*arguments, dtype=torch.float64, **options))
        return self._modules[name]

    def conv(self, name: str, x: Tensor, features: int, taps: int = 3, stride: int = 1, **options: object) -> Tensor:
        layer = self.made(name, torch.nn.Conv2d, x.shape[1], features, taps, stride, **options)
        return layer(same(x, taps, stride, options.get("dilation", 1)))

    def padded(self, name: str, x: Tensor, features: int, taps: int, stride: int, padding: int) -> Tensor:
        like = {"padding": padding, "bias": False}
        return self.made(name, torch.nn.Conv2d, x.shape[1], features, taps, stride, **like)(x)

    def deconv(self, name: str, x: Tensor, features: int, **options: object) -> Tensor:
        """Return the transpose of a 3x3 convolution of stride 2 that is padded SAME: one zero last, none first."""
        return self.made(name, torch.nn.ConvTranspose2d, x.shape[1], features, 3, 2, **options)(x)[:, :, :-1, :-1]

    def norm(self, name: str, x: Tensor) -> Tensor:
        return self.made(name, torch.nn.BatchNorm2d, x.shape[1])(x)


class HDenseUNet(Written):
    """Stem 4, growth 2, blocks of 2, 1, 2 and 1 layers, last stage 4, 2 classes."""

    def activated(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.norm(f"{name}_bn", x))

    def conv_block(self, name: str, x: Tensor) -> Tensor:
        x = self.conv(f"{name}_x1", self.activated(f"{name}_x1", x), 8, 1, bias=False)
        return self.conv(f"{name}_x2", self.activated(f"{name}_x2", x), 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activated("conv1", self.padded("conv1", x, 4, 7, 2, 3))
        box = [x]
        x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2)
        for stage, layers in ((2, 2), (3, 1), (4, 2), (5, 1)):
            for branch in range(1, layers + 1):
                x = cat(x, self.conv_block(f"conv{stage}_{branch}", x))
            if stage < 5:
                box.append(x)
            x = self.activated(f"conv{stage}_blk", x)
            if stage < 5:
                x = F.avg_pool2d(self.conv(f"conv{stage}_blk", x, x.shape[1] // 2, 1, bias=False), 2)
        box[3] = self.conv("line0", box[3], x.shape[1], 1)
        for up, (skip, features) in enumerate(
            zip(reversed(box), (box[2].shape[1], box[1].shape[1], 4, 4), strict=True)
        ):
            x = F.relu(self.norm(f"bn_up{up}", self.conv(f"conv_up{up}", skip + repeated(x), features)))
        x = F.relu(self.norm("bn_up4", self.conv("conv_up4", repeated(x), 4)))
        return self.conv("dense167classifer", x, 2, 1)


class NonlocalUNet(Written):
    """2, 4 and 8 channels, and 2 classes."""

    def activated(self, name: str, x: Tensor) -> Tensor:
        return F.relu6(self.norm(f"{name}/bn", x))

    def residual(self, name: str, x: Tensor, features: int, stride: int = 1, projects: bool = False) -> Tensor:
        y = self.activated(f"{name}/1", x)
        beside = self.conv(f"{name}/shortcut", y, features, 1, stride, bias=False) if projects else x
        y = self.conv(f"{name}/conv1", y, features, 3, stride, bias=False)
        return self.conv(f"{name}/conv2", self.activated(f"{name}/2", y), features, bias=False) + beside

    def attention(self, name: str, x: Tensor, features: int, heads: int, up: bool) -> Tensor:
        q = (self.deconv(f"{name}/q", x, features)) if up else self.conv(f"{name}/q", x, features, 1)
        k, v = (self.conv(f"{name}/{part}", x, features, 1) for part in "kv")
        grid = q.shape[2:]
        q, k, v = (part.flatten(2).unflatten(1, (heads, features // heads)).mT for part in (q, k, v))
        weights = torch.softmax((q * (features // heads) ** -0.5) @ k.mT, -1)
        return self.conv(f"{name}/out", (weights @ v).mT.flatten(1, 2).unflatten(2, grid), features, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv("initial_conv", x, 2, bias=False)
        skips = []
        for layer, features in enumerate((2, 4, 8), start=1):
            x = self.residual(f"encode_block_layer{layer}", x, features, 1 if layer == 1 else 2, projects=True)
            skips.append(x)
        x = skips[-1] + self.attention("bottom", self.activated("bottom", x), 8, 2, up=False)
        y = self.activated("decode_block_layer1", x)
        x = self.deconv("decode_block_layer1/shortcut", y, 4, bias=False)
        x = x + self.attention("decode_block_layer1/attention", y, 4, 1, up=True)
        x = self.residual("decode_block_layer1", x + skips[1], 4)
        x = self.deconv("decode_block_layer2/deconv", x, 2, bias=False) + skips[0]
        x = self.residual("decode_block_layer2", x, 2)
        return self.conv("output", self.activated("output", x), 2, 1)


class FocusNet(Written):
    """Channels of a 25th: 4, 4, 4, 8, 12 and 20; those of the maps are as they were. One block a level, or two."""

    def common(self, name: str, y: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(f"{name}_bn", y), 0.3)

    def twice(self, name: str, y: Tensor) -> Tensor:
        for number in (1, 2):
            y = self.conv(f"{name}/conv{number}", self.common(f"{name}/conv{number}", y), y.shape[1])
        return y

    def attention(self, name: str, y: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(f"{name}/map", self.twice(name, y), y.shape[1], 1))

    def skip(self, name: str, y: Tensor) -> Tensor:
        return self.common(f"{name}/1x1", self.conv(f"{name}/1x1", y, y.shape[1], 1)) + self.twice(name, y)

    def residual(self, name: str, y: Tensor, inner: int, outer: int, projects: bool) -> Tensor:
        shortcut = y
        groups = self.conv(f"{name}/in", y, inner, 1).chunk(4, 1)
        products = [self.skip(f"{name}/skip{n}", groups[2 * n - 1]) for n in (1, 2)]
        products = [products[n - 1] * self.attention(f"{name}/attn{n}", groups[2 * n - 2]) for n in (1, 2)]
        y = cat(*(
            self.common(f"{name}/y_{n}", self.conv(f"{name}/y_{n}", products[n - 1], inner // 2, 1)) for n in (1, 2)
        ))  # fmt: skip
        y = self.norm(f"{name}/out_bn", self.conv(f"{name}/out", y, outer, 1))
        if projects:
            shortcut = self.norm(f"{name}/shortcut_bn", self.conv(f"{name}/shortcut", shortcut, outer, 1))
        return F.leaky_relu(shortcut + y, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.conv("conv0", x, 4, 5), []
        for level, (features, blocks) in enumerate(((4, 1), (4, 2), (8, 1), (12, 1), (20, 1)), start=1):
            x = F.max_pool2d(x, 2) if level > 1 else x
            for block in range(1, blocks + 1):
                x = self.residual(f"conv{level}_{block}", x, x.shape[1], features, block == 1)
            skips.append(x)
        skips.pop()
        outs = []
        for up, hidden in enumerate((128, 64, 32, None), start=1):
            skip = skips.pop()
            x = skip + self.residual(f"up{up}", repeated(x), x.shape[1], skip.shape[1], True)
            for layer, features in enumerate((x.shape[1],) if hidden else (16, 9, 3)):
                x = F.relu(self.conv(f"conv{4 + up + layer}", x, features))
            y = x
            if hidden:
                y = self.common(f"out{up}", self.conv(f"out{up}", repeated(x, 2 ** (4 - up)), hidden, 1))
            outs.append(torch.sigmoid(self.conv(f"out{up}_map", y, 1, 1)))
        x = self.common("out_concat", self.conv("out_concat", cat(*outs), 32, 1))
        return torch.sigmoid(self.conv("out", x, 1, 1))


class VesselNet(Written):
    """Blocks of 2, 4 and 8 channels. Coarse maps of logits are interpolated; the readings differ there."""

    def unit(self, name: str, x: Tensor, features: int, taps: int, dilation: int = 1) -> Tensor:
        return self.norm(f"{name}_bn", F.relu(self.conv(name, x, features, taps, dilation=dilation)))

    def block(self, name: str, x: Tensor, features: int) -> Tensor:
        one = self.unit(f"{name}/one", x, features, 1)
        two = self.unit(f"{name}/two1", x, features, 1)
        two = two + self.unit(f"{name}/two2", two, features, 3, 2)
        two = two + self.unit(f"{name}/two3", two, features, 3, 3)
        return self.conv(f"{name}/last", cat(x, one, two), features)

    def forward(self, x: Tensor) -> Tensor:
        def doubled(x: Tensor, times: int = 2) -> Tensor:
            return F.interpolate(x, scale_factor=times, mode="bilinear", align_corners=False)

        first = self.block("block1", x, 2)
        second = self.block("block2", F.relu(self.conv("strided1", first, 2, 2, 2)), 4)
        third = self.block("block3", F.relu(self.conv("strided2", second, 4, 2, 2)), 8)
        fourth = self.block("block4", cat(second, doubled(third)), 4)
        fifth = self.block("block5", cat(first, doubled(fourth)), 2)
        logits = self.conv("head", fifth, 2, 1)
        rich = self.conv("map_rich", cat(first, fifth), 1, 1)
        half, quarter = self.conv("map_half", fourth, 1, 1), self.conv("map_quarter", third, 1, 1)
        return cat(logits, rich, doubled(half), doubled(quarter, 4)) if self.training else logits


def contour(u: Tensor, image: Tensor, mu: Tensor, weight: Tensor, iterations: int, epsilon: float) -> Tensor:
    """Return CCV's u, [batch, 1, height, width]; mu and lambda are scaled already, gamma is 1/2."""

    def filtered(x: Tensor, taps: list[list[int]]) -> Tensor:
        return F.conv2d(same(x, 3), torch.tensor(taps, dtype=x.dtype)[None, None])

    def along_x(x: Tensor) -> Tensor:
        return filtered(x, [[0, -1, 0], [0, 1, 0], [0, 0, 0]])

    def along_y(x: Tensor) -> Tensor:
        return filtered(x, [[0, 0, 0], [-1, 1, 0], [0, 0, 0]])

    dx = dy = bx = by = torch.zeros_like(u)
    c1, c2 = torch.tensor(1.0), torch.tensor(0.0)
    for _ in range(iterations):
        r = (image - c1) ** 2 - (image - c2) ** 2
        alpha = along_x(bx) + along_y(by) - along_x(dx) - along_y(dy)
        around = filtered(u, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
        u = 0.25 * (around + alpha - mu / (weight + epsilon) * r)
        u = torch.where(u > 1, torch.ones_like(u), u)
        u = torch.where(u < 0, torch.zeros_like(u), u)
        ux, uy = along_x(u), along_y(u)
        dx, dy = (
            torch.sign(t) * torch.where(t.abs() > 1 / (weight + epsilon), t.abs() - 1 / (weight + epsilon), 0.0)
            for t in (ux + bx, uy + by)
        )
        bx, by = bx + ux - dx, by + uy - dy
        within, without = (u >= 0.5).double(), (u < 0.5).double()
        c1, c2 = ((image * part).sum() / (part.sum() + epsilon) for part in (within, without))
    return u


class Dacn(Written):
    """Start 4, growth 2, blocks of 2, 1, 1 and 1 layers, branches of 3 channels.

    Epsilon is 4, so that some of d is not 0 and u keeps away from 0 and 1.
    """

    def conv2d(self, name: str, x: Tensor, features: int, taps: int = 3) -> Tensor:
        return F.relu(self.norm(f"{name}/batch_norm", self.conv(name, x, features, taps, bias=False)))

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for layer, stride in enumerate((2, 1, 1), start=1):
            x = F.relu(self.conv(f"start_block/conv{layer}", x, 4, 3, stride))
        skips = [x]
        x = F.max_pool2d(same(x, 3, 2, value=-math.inf), 3, 2)
        for block, layers in enumerate((2, 1, 1, 1), start=1):
            name = f"dense_block{block}"
            for layer in range(1, layers + 1):
                y = self.conv2d(f"{name}/dense/conv11_{layer}", x, 8, 1)
                x = cat(x, self.conv2d(f"{name}/dense/conv33_{layer}", y, 2))
            if block < 4:
                skips.append(x)
                x = self.conv2d(f"{name}/conv11", x, x.shape[1] // 2, 1)
                counts = F.avg_pool2d(same(torch.ones_like(x), 3, 2), 3, 2)
                x = F.avg_pool2d(same(x, 3, 2), 3, 2) / counts
        x = self.conv2d("dense_block4/conv11", x, skips[3].shape[1], 1)

        def doubled(x: Tensor) -> Tensor:
            return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)

        widths = (skips[2].shape[1], skips[1].shape[1], 4, 4)
        for up, (skip, features) in enumerate(zip(reversed(skips), widths, strict=True), start=1):
            x = self.conv2d(f"up{up}/conv33", doubled(x) + skip, features)
        x = doubled(x)
        branches = []
        for branch, features in ((1, 1), (2, 1), (3, 2)):
            y = x
            for layer, (width, taps) in enumerate(((3, 3), (3, 3), (features, 1)), start=1):
                y = self.conv2d(f"up5/branch{branch}-{layer}", y, width, taps)
            branches.append(y)
        mu, weight, logits = branches
        start = torch.softmax(logits, 1)[:, 1:]
        u = contour(start, image[:, :1], 0.001 * mu, 0.001 * weight, iterations=2, epsilon=4.0)
        return cat(u, logits) if self.training else u


class Contour(torch.nn.Module):
    """``contour`` of what comes as channels, three steps."""

    def __init__(self, epsilon: float):
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return contour(*x.split(1, 1), 3, self.epsilon)


def main() -> None:
    torch.manual_seed(0)
    for name, kind, size in (
        ("hdenseunet", HDenseUNet, (64, 32)),
        ("nonlocal_unet", NonlocalUNet, (16, 12)),
        ("focusnet", FocusNet, (32, 16)),
        ("vesselnet", VesselNet, (16, 12)),
        ("dacn", Dacn, (64, 32)),
    ):
        x = torch.randn(2, 3, *size).double()
        module = alive(kind(x))
        record(name, module, **passes(module, x, every=2 if size[0] == 64 else 1))
    x = torch.rand(2, 4, 6, 5).double()
    x[:, 3] *= (x[:, 3] > 0.3) * 6  # lambda, in places 0
    for name, epsilon in (("contour", 1e-1), ("contour_published", 1e-8)):
        module = Contour(epsilon)
        record(name, module, **passes(module, x))


if __name__ == "__main__":
    main()
