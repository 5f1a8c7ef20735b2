"""What the state machine moves: two machines, one provider with faults, and commands in forked processes."""

import sys
from pathlib import Path

# Commands are forked by what the acceptance tests use for it.
sys.path.append(str(Path(__file__).parents[2] / "acceptance"))
