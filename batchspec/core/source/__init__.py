"""YAML read with the place of everything in it: the one home of yaml.

`load_source` reads a whole document, `stream_rows` a list's rows one by one. Nothing in here opens a file.
"""

from batchspec.core.source.building import MAX_VALUES
from batchspec.core.source.document import Pointer, SourceDocument
from batchspec.core.source.merging import MergeRules, merged, narrowed
from batchspec.core.source.reading import MAX_BYTES, load_source, stream_rows

__all__ = [
    "MAX_BYTES",
    "MAX_VALUES",
    "MergeRules",
    "Pointer",
    "SourceDocument",
    "load_source",
    "merged",
    "narrowed",
    "stream_rows",
]
