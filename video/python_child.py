"""Starting a Python process of this installation that imports nothing from beside the evidence."""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = (
    # The empty entry is the current folder: nothing that lies beside the evidence may be imported.
    "import sys; sys.path = [sys.argv[1], *(entry for entry in sys.path if entry)]; "
    "from {module} import main; main()"
)


def child_command(module: str) -> list[str]:
    """The command that runs `main` of a module of this package, from the very folder it lies in here.

    The caller's own program is not run again, so a script needs no guard around its top level.
    """
    # -P also keeps out the folder of a script, whichever way Python was started.
    return [sys.executable, "-P", "-c", _PROGRAM.format(module=module), str(Path(__file__).parents[1])]
