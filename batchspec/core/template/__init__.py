"""The one home of Jinja: a strict, sandboxed, pure environment, and templates compiled for many rows.

Rendering sees names and nothing else: no file but what the given reader hands out, no clock, no randomness.
"""

from batchspec.core.template.absent import Absent, absent
from batchspec.core.template.bounds import MAX_STEPS, MAX_TEXT
from batchspec.core.template.compiling import Compiled, TemplateCompiler
from batchspec.core.template.faults import TemplateError

__all__ = ["MAX_STEPS", "MAX_TEXT", "Absent", "Compiled", "TemplateCompiler", "TemplateError", "absent"]
