"""How fast and how small batchspec is, beside the script that a user would write: `python -m benchmarks.speed`."""
