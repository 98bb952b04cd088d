"""Opening onnx networks on a device; onnxruntime would fall back to the CPU without a word."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from face.errors import FaceError

LOGGER = logging.getLogger(__name__)


def open_session(path: Path, *, title: str, device: torch.device) -> Any:
    """An `onnxruntime.InferenceSession` on `device`.

    Where the installed onnxruntime cannot use the GPU the network runs on the CPU, which is logged. Raises
    FaceError for a missing package and for a file that is no onnx network, which it calls `title`.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise FaceError(f"{title} needs onnxruntime ({error}): pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Errors only: the package warns of its own optimisations.
    options.log_severity_level = 3
    provider: str | tuple[str, dict[str, int]] = "CPUExecutionProvider"
    if device.type == "cuda":
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            provider = ("CUDAExecutionProvider", {"device_id": device.index or 0})
        else:
            LOGGER.warning(
                "%s runs on the CPU: this onnxruntime has no CUDA (pip install onnxruntime-gpu)", title
            )
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    # onnxruntime raises a class of its own for each kind of fault, without a common base.
    except Exception as error:
        raise FaceError(f"{path}: onnxruntime cannot load it as {title} ({error}); fetch it again") from error
    wanted = provider if isinstance(provider, str) else provider[0]
    if session.get_providers()[0] != wanted:
        raise FaceError(f"{title}: onnxruntime has no working {wanted} here; choose --device cpu")
    return session
