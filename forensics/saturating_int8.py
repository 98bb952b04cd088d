"""Runs an int8 onnx network as x86 processors without VNNI run it, on any processor: products saturate.

Source: onnxruntime's documentation of quantisation, on U8S8: with AVX2 and AVX-512 alone, the two products of
unsigned activations and signed weights that lie beside each other are added in 16 bits, and what does not
fit is clamped. With VNNI and on other architectures nothing is clamped. A head that was fitted on the one
says nothing on the other, so that here the arithmetic is part of the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

LOWEST, HIGHEST = -(2**15), 2**15 - 1
HIGHEST_ACTIVATION = 255
# How many pairs are corrected at once; bounds the memory.
BLOCK = 20_000

Floats = npt.NDArray[np.float32]


def open_saturating(path: Path) -> Any:
    """An evaluator of the network in `path` with `run(outputs, inputs)`, deterministic, on the CPU.

    Raises OSError and onnx's own errors for a file that is no onnx network.
    """
    return ReferenceEvaluator(str(path), new_ops=[MatMulInteger])


class SaturatingMatrix:
    """Signed int8 weights [K,N], K even, prepared for saturating products with unsigned int8 activations.

    The product is the exact one less what the clamping takes away. Only pairs of weights that may overflow
    with the largest activations can be clamped at all; these are few and found once.
    """

    def __init__(self, weights: npt.NDArray[np.int8]) -> None:
        self._weights = weights.astype(np.float32)
        first, second = weights[0::2].astype(np.int16), weights[1::2].astype(np.int16)
        upward = np.maximum(first, 0) + np.maximum(second, 0)
        downward = np.minimum(first, 0) + np.minimum(second, 0)
        risky = (upward > HIGHEST // HIGHEST_ACTIVATION) | (downward < -(-LOWEST // HIGHEST_ACTIVATION))
        # Transposed, so that the pairs come sorted by column.
        self._column, self._pair = np.nonzero(risky.T)
        self._first = first[self._pair, self._column].astype(np.float32)
        self._second = second[self._pair, self._column].astype(np.float32)

    def product(self, activations: npt.NDArray[np.uint8], zero_point: int) -> npt.NDArray[np.int32]:
        """(activations - zero_point) @ weights for [M,K] activations, [M,N], clamped pair by pair.

        Summed in float32, to which the networks cast the result anyway.
        """
        values: Floats = activations.astype(np.float32)
        result: Floats = (activations.astype(np.int16) - zero_point).astype(np.float32) @ self._weights
        even, odd = np.ascontiguousarray(values[:, 0::2]), np.ascontiguousarray(values[:, 1::2])
        chosen = self._reachable(even.max(axis=0), odd.max(axis=0))
        for start in range(0, len(chosen), BLOCK):
            block = chosen[start : start + BLOCK]
            pair = self._pair[block]
            sums = even[:, pair] * self._first[block] + odd[:, pair] * self._second[block]
            taken = np.clip(sums, LOWEST, HIGHEST) - sums
            columns, starts = np.unique(self._column[block], return_index=True)
            result[:, columns] += np.add.reduceat(taken, starts, axis=1)
        return np.rint(result).astype(np.int32)

    def _reachable(self, even: Floats, odd: Floats) -> npt.NDArray[np.intp]:
        """The risky pairs that do overflow with these largest activations of each row of weights."""
        even, odd = even[self._pair], odd[self._pair]
        upward = even * np.maximum(self._first, 0) + odd * np.maximum(self._second, 0)
        downward = even * np.minimum(self._first, 0) + odd * np.minimum(self._second, 0)
        return np.flatnonzero((upward > HIGHEST) | (downward < LOWEST))


class MatMulInteger(OpRun):  # type: ignore[misc]
    """The operator of that name, found by it; one instance for each node, whose weights are constant."""

    op_domain = ""
    _matrix: SaturatingMatrix | None = None

    def _run(
        self,
        activations: npt.NDArray[np.uint8],
        weights: npt.NDArray[np.int8],
        zero_point: npt.NDArray[np.uint8],
        weight_zero_points: npt.NDArray[np.int8],
    ) -> tuple[npt.NDArray[np.int32]]:
        if weights.dtype != np.int8 or weight_zero_points.any():
            raise ValueError("only signed int8 weights around zero saturate in this way")
        if self._matrix is None:
            self._matrix = SaturatingMatrix(weights)
        rows = activations.reshape(-1, activations.shape[-1])
        product = self._matrix.product(rows, int(zero_point.item()))
        return (product.reshape(*activations.shape[:-1], -1),)
