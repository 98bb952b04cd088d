"""Attribution: where in a face crop a score came from, by integrated gradients, averaged over patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur

METHOD = "integrated gradients from a blurred copy"
# On CLIP's ViT-B/16 six steps take about five seconds of one processor core for a face, and give the patches
# in nearly the order that sixteen give.
STEPS = 6
# The blur takes away what a resampled or blended face is made of, and leaves light and pose. A wider one
# leads through pictures that the model answers erratically to: the same steps then miss the difference.
BLUR_SIGMA_RATIO = 1 / 39

# [N,3,S,S] float32 pictures in 0..255 -> [N] scores.
Score = Callable[[torch.Tensor], torch.Tensor]
# Applies a function to all values, as `map` does.
Each = Callable[[Callable[[float], torch.Tensor], Iterable[float]], Iterable[torch.Tensor]]


def blurred(pictures: torch.Tensor) -> torch.Tensor:
    """[N,3,S,S] float32 -> the same size, smoothed: the pictures that attributions are measured from."""
    sigma = pictures.shape[-1] * BLUR_SIGMA_RATIO
    smooth: torch.Tensor = gaussian_blur(pictures, [2 * round(2 * sigma) + 1] * 2, [sigma, sigma])
    return smooth


def integrated_gradients(
    score: Score, picture: torch.Tensor, *, steps: int = STEPS, each: Each = map
) -> torch.Tensor:
    """What each value of one picture [1,3,S,S] adds to `score(picture) - score(blurred(picture))`.

    The values of the result [1,3,S,S] sum up to that difference, up to the error of `steps` Gauss-Legendre
    nodes. `each` maps a function over the nodes: it may do so side by side, and gives the results in order.
    Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, equation 3.
    """
    start = blurred(picture)
    way = picture - start

    def gradient(share: float) -> torch.Tensor:
        # One node at a time: the gradient of a whole tower takes much memory.
        with torch.enable_grad():
            between = (start + share * way).detach().requires_grad_()
            (found,) = torch.autograd.grad(score(between).sum(), between)
        return found

    # They are for the interval from -1 to 1.
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    gradients = each(gradient, ((nodes + 1) / 2).tolist())
    mean = sum(weight / 2 * found for weight, found in zip(weights.tolist(), gradients, strict=True))
    return way * mean


def patch_heat(attribution: torch.Tensor, *, patch_pixels: int, offset_pixels: int) -> torch.Tensor:
    """[N,3,S,S] attributions -> [N,S,S] float32 heat, one value for each patch of the tower.

    The picture's corner lies `offset_pixels` right of and below that of a patch grid. The heat of a patch is
    the magnitude of the mean of its attributions: gradients that alternate from pixel to pixel and cancel out
    did not move the score.
    """
    side = attribution.shape[-1]
    before = offset_pixels % patch_pixels
    after = -(before + side) % patch_pixels
    around = (before, after, before, after)
    covered = functional.pad(torch.ones_like(attribution[:, :1]), around)
    total = functional.pad(attribution.float().sum(dim=1, keepdim=True), around)
    mean = functional.avg_pool2d(total, patch_pixels) / functional.avg_pool2d(covered.float(), patch_pixels)
    spread = mean.abs().repeat_interleave(patch_pixels, 2).repeat_interleave(patch_pixels, 3)
    return spread[:, 0, before : before + side, before : before + side]
