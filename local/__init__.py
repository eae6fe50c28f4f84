"""The embedded cloud: the stack of template.yaml, run on this machine with no account."""

import sys
from pathlib import Path

# Imports of the functions begin in their folder, as they do in Lambda.
_FUNCTIONS = str(Path(__file__).parent.parent / "functions")
if _FUNCTIONS not in sys.path:
    sys.path.insert(0, _FUNCTIONS)
