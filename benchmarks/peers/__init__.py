"""The same faults for batchspec and for other tools: a small provider, a gate that fails, a script for each tool."""
