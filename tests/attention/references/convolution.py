"""Record dilated_conv, depthwise_conv, average_pool and deformable_conv from torch and torchvision.

    python convolution.py

torch 2.13 (BSD-3-Clause): conv2d and avg_pool2d
torchvision 0.28 (BSD-3-Clause): ops.deform_conv2d; some offsets leave the image by less than a step, some by more. The
convolutions that make offsets and mask have the dilation of the deformable one, as in mmcv's DeformConv2dPack.
"""

import torch
from recording import record
from torch.nn import functional
from torchvision.ops import deform_conv2d


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape).double()


def main() -> None:
    torch.manual_seed(0)
    x, kernel, depthwise, bias = normal(2, 4, 5, 6), normal(4, 4, 3, 3), normal(4, 1, 3, 3), normal(4)
    outputs = {
        "dilated": functional.conv2d(x, kernel, bias, padding=2, dilation=2),
        "depthwise": functional.conv2d(x, depthwise, bias, padding=1, groups=4),
        "pooled": functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
        "padded": functional.avg_pool2d(x, 3, stride=1, padding=1),
    }
    record("convolution", torch.nn.Module(), x=x, kernel=kernel, depthwise_kernel=depthwise, bias=bias, **outputs)

    to_offset, to_mask = normal(2 * 9 * 2, 4, 3, 3) / 4, normal(2 * 9, 4, 3, 3) / 4  # of two groups

    def deform(groups: int, *, modulated: bool = True, dilation: int = 1) -> torch.Tensor:
        like = {"padding": dilation, "dilation": dilation}
        offset = functional.conv2d(x, to_offset[: groups * 18], **like)
        mask = functional.conv2d(x, to_mask[: groups * 9], **like).sigmoid() if modulated else None
        return deform_conv2d(x, offset, kernel, bias, mask=mask, **like)

    outputs = {
        "v1": deform(1, modulated=False),
        "v2": deform(1),
        "v2 groups": deform(2),
        "v2 dilated": deform(1, dilation=2),
    }
    weights = {"kernel": kernel, "bias": bias, "offset": to_offset, "mask": to_mask}
    record("deformable", torch.nn.Module(), x=x, **weights, **outputs)


if __name__ == "__main__":
    main()
