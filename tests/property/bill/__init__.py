"""Drawn specs and edits, what each must cost, and the program run in this process."""

import sys
from pathlib import Path

# The folder of a project is what the acceptance tests use for it.
sys.path.append(str(Path(__file__).parents[2] / "acceptance"))
