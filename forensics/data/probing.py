"""Opens everything a dataset lists, so that broken files are known before hours of work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from forensics.data.faces import FaceRecord
from forensics.data.media import files_of
from forensics.progress import Progress, no_progress
from video.errors import VideoError
from video.isolated import probe


def unreadable(records: Sequence[FaceRecord], *, progress: Progress = no_progress) -> tuple[str, ...]:
    """A sentence for each record that cannot be opened, naming the file and why.

    Videos and pictures are opened and their first frames decoded; of a sequence, the first picture.
    """
    faults = []
    for number, record in enumerate(records, start=1):
        try:
            with closing(files_of(record.path)) as files:
                probe(next(files))
        except (VideoError, OSError) as error:
            faults.append(str(error))
        progress(number, len(records))
    return tuple(faults)
