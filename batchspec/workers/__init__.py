"""Renders a spec's rows in several processes, which are started where that is worth it."""

from batchspec.workers.pool import Workers

__all__ = ["Workers"]
