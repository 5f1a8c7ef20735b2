"""A live server behind the emulator: a batch API for models that have none. Every line is one POST to that server.

The standard library's HTTP client is at home here alone; nothing in here makes an answer up.
"""

from batchspec.emulator.upstream.address import read_address
from batchspec.emulator.upstream.options import UpstreamOptions

__all__ = ["UpstreamOptions", "read_address"]
