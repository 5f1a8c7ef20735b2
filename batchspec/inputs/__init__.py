"""Streams the rows of a spec's inputs: one module per format, none of which holds a file whole.

`open_rows` is the way in. Nothing in here knows what a row is for.
"""

from batchspec.inputs.opening import open_rows

__all__ = ["open_rows"]
