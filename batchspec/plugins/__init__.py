"""What a plugin is made of: the whole surface that code from outside may rely on, under one version.

A plugin imports from here and from nowhere else in batchspec. docs/how-to/write-a-plugin.md shows one of each kind.
"""

from batchspec.core.errors import (
    AccessError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SubmissionUnknownError,
)
from batchspec.core.model import BatchJob, BatchJobStatus, JobRequest, RemoteFile
from batchspec.core.ports import Clock, Progress, Provider
from batchspec.core.records import Cell, JsonText
from batchspec.plugins.surface import (
    API_VERSION,
    InputFile,
    InputPlugin,
    OutputPlugin,
    ProviderContext,
    ProviderPlugin,
    Row,
    RowError,
    RowWriter,
    Stream,
)

__all__ = [
    "API_VERSION",
    "AccessError",
    "BatchJob",
    "BatchJobStatus",
    "Cell",
    "Clock",
    "InputFile",
    "InputPlugin",
    "JobRequest",
    "JsonText",
    "OutputPlugin",
    "Progress",
    "Provider",
    "ProviderContext",
    "ProviderPlugin",
    "ProviderRefusedError",
    "ProviderUnavailableError",
    "RemoteFile",
    "Row",
    "RowError",
    "RowWriter",
    "Stream",
    "SubmissionUnknownError",
]
