"""Shrinks pictures and cut-outs of them by averaging areas, many at once, with sums that are made once."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch


class AreaMeans:
    """Frames kept as sums: at each corner of their pixels that of all pixels above and to the left.

    Four of them give the sum over any rectangle. Sums of 8-bit levels are exact, so that the means are those
    of `torch.nn.functional.interpolate(mode="area")` to the bit, which adds up every area pixel by pixel.
    """

    def __init__(self, frames: npt.NDArray[np.uint8], device: torch.device) -> None:
        """Frames [T,H,W,3]; the means are made on `device`."""
        sums = np.stack([cv2.integral(frame) for frame in frames])
        self._sums = torch.from_numpy(sums).to(device)
        self.height, self.width = frames.shape[1:3]

    def shrunk(self, height: int, width: int) -> torch.Tensor:
        """[T,3,height,width] float32 in 0..255: all frames at that size."""
        top, bottom = _edges(torch.tensor(self.height, device=self._sums.device), height)
        left, right = _edges(torch.tensor(self.width, device=self._sums.device), width)
        strips = self._sums.index_select(1, bottom) - self._sums.index_select(1, top)
        sums = strips.index_select(2, right) - strips.index_select(2, left)
        return _means(sums, bottom - top, right - left)

    def crops(self, frame: torch.Tensor, windows: torch.Tensor, side: int) -> torch.Tensor:
        """[N,3,side,side] float32 in 0..255: the windows [N,4] of the frames numbered `frame` [N].

        Windows are int64 x0, y0, x1, y1 in pixels within the frame, the last two exclusive.
        """
        left, right = (
            edge + windows[:, 0, None] for edge in _edges((windows[:, 2] - windows[:, 0])[:, None], side)
        )
        top, bottom = (
            edge + windows[:, 1, None] for edge in _edges((windows[:, 3] - windows[:, 1])[:, None], side)
        )
        count, lines, pixels, _ = self._sums.shape
        # One row for each corner: looking rows up is several times faster than by three numbers.
        flat = self._sums.view(count * lines * pixels, 3)

        def corners(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
            places = (frame[:, None, None] * lines + rows[:, :, None]) * pixels + columns[:, None, :]
            return flat.index_select(0, places.flatten()).view(-1, side, side, 3)

        sums = corners(bottom, right) - corners(top, right) - corners(bottom, left) + corners(top, left)
        return _means(sums, bottom - top, right - left)


def _edges(length: torch.Tensor, parts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each of the `parts` of a line of so many pixels begins and ends.

    They reach over every pixel that they touch, and so into each other.
    """
    part = torch.arange(parts, device=length.device)
    return part * length // parts, ((part + 1) * length + parts - 1) // parts


def _means(sums: torch.Tensor, heights: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
    """Sums [N,h,w,3] over areas of heights [...,h] and widths [...,w] -> their means [N,3,h,w]."""
    # One after the other, as torch rounds.
    means = sums.float() / heights[..., :, None, None] / widths[..., None, :, None]
    return means.permute(0, 3, 1, 2)
