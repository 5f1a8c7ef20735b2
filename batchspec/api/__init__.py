"""batchspec for Python programs and notebooks: the commands of the command line, as calls that return values."""

from batchspec.api.plans import Plan
from batchspec.api.project import Applied, Project, Status, load
from batchspec.api.results import Results
from batchspec.core.errors import (
    AccessError,
    BatchspecError,
    InvalidInputError,
    LimitError,
    LockedError,
    NotApprovedError,
    StaleError,
)

__all__ = [
    "AccessError",
    "Applied",
    "BatchspecError",
    "InvalidInputError",
    "LimitError",
    "LockedError",
    "NotApprovedError",
    "Plan",
    "Project",
    "Results",
    "StaleError",
    "Status",
    "load",
]
