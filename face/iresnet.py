"""The improved ResNet of ArcFace and its kin, for 112 px crops.

Duta et al., "Improved Residual Networks for Image and Video Recognition" (2020), as insightface's
arcface_torch lays it out; layers carry the names of its published weights.
"""

from __future__ import annotations

import torch
from torch import nn

# Blocks in the four stages of iresnet100.
IRESNET100_BLOCKS = (3, 13, 30, 3)
# Channels in and out of the four stages; each halves the side, 112 to 7.
_STAGES = ((64, 64), (64, 128), (128, 256), (256, 512))
_LAST_SIDE = 7


class _Block(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        branch = self.prelu(self.bn2(self.conv1(self.bn1(images))))
        branch = self.bn3(self.conv2(branch))
        kept: torch.Tensor = images if self.downsample is None else self.downsample(images)
        total: torch.Tensor = branch + kept
        return total


class IResNet(nn.Module):
    """[N,3,112,112] float32 RGB in [-1,1] -> [N,512] identity vectors, raw."""

    def __init__(self, blocks: tuple[int, int, int, int] = IRESNET100_BLOCKS) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        stages = [
            nn.Sequential(_Block(start, end, 2), *(_Block(end, end, 1) for _ in range(count - 1)))
            for (start, end), count in zip(_STAGES, blocks, strict=True)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * _LAST_SIDE**2, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = self.prelu(self.bn1(self.conv1(images)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            images = stage(images)
        vectors: torch.Tensor = self.features(self.fc(torch.flatten(self.bn2(images), 1)))
        return vectors
