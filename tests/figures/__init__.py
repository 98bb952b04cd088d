"""Scripts that measure and print a figure of the README: `python -m tests.figures.NAME --count N`.

The tests run the same code with smaller counts.
"""

import sys
from pathlib import Path

# Run as a script, a figure finds the stand-ins of the tests as the tests themselves do.
if (_TESTS := str(Path(__file__).parents[1])) not in sys.path:
    sys.path.insert(0, _TESTS)
