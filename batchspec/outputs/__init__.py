"""Writes the rows of an output as they come, in the format that was asked for; no format holds them in memory."""

from batchspec.outputs.opening import open_writer

__all__ = ["open_writer"]
