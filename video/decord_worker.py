"""The process in which decord runs, apart from everything else.

decord loads its own FFmpeg 4.1 with global symbols: in one process with PyAV, which brings another FFmpeg,
codec libraries of the one get called by the other. It also hangs on some files in a way that only killing
the process ends. So it is given a process, which must import neither PyAV nor this package's readers.

Protocol: one line of JSON on standard input, {"path": ..., "indices": [ascending frame numbers], "until":
frames to decode, "small": [height, width]}; on standard output one line of JSON, {"seconds": [start of every
frame]}, then for each frame one line, {"height": ..., "width": ...}, the frame at the small size and, if its
number is among the indices, at its own, both as 8-bit RGB, and {"done": true} at the end; {"error": ...} may
take the place of any line and ends the answer.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

import numpy as np


def main() -> None:
    """Serve one request and exit."""
    request = json.loads(sys.stdin.buffer.readline())
    # What libraries print must not get between the pictures.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _serve(request, answer)


def _serve(request: dict[str, Any], answer: BinaryIO) -> None:
    from decord import DECORDError, VideoReader

    wanted = set(request["indices"])
    try:
        # One thread, for the same reason as in the PyAV reader: damage must look the same every time.
        video = VideoReader(request["path"], num_threads=1)
        count = len(video)
        starts = video.get_frame_timestamp(range(count))[:, 0] if count else []
        _say(answer, {"seconds": [float(start) for start in starts]})
        for index in range(min(count, request["until"])):
            # Reading in order: seeking in decord gives wrong frames with several codecs.
            frame = video.next().asnumpy()
            if frame.ndim != 3 or frame.shape[2] != 3:
                raise RuntimeError(f"it gave frame {index} as {list(frame.shape)}, which is no RGB picture")
            _say(answer, {"height": frame.shape[0], "width": frame.shape[1]})
            rows, columns = (
                np.arange(small) * side // small
                for small, side in zip(request["small"], frame.shape[:2], strict=True)
            )
            answer.write(frame[rows][:, columns].tobytes())
            if index in wanted:
                answer.write(frame.tobytes())
        _say(answer, {"done": True})
    except (DECORDError, RuntimeError) as error:
        _say(answer, {"error": str(error).splitlines()[0]})


def _say(answer: BinaryIO, words: dict[str, Any]) -> None:
    answer.write(json.dumps(words).encode() + b"\n")
    answer.flush()


if __name__ == "__main__":
    main()
