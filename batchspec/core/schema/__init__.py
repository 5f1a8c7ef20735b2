"""Values checked against JSON Schemas, what is wrong in words: the one home of jsonschema and referencing.

Nothing that a schema refers to is ever fetched; reading schemas from files is not done here.
"""

from batchspec.core.schema.bundling import bundled
from batchspec.core.schema.checker import SchemaChecker, document_diagnostics, problem_diagnostic
from batchspec.core.schema.problems import ProblemKind, SchemaProblem
from batchspec.core.schema.text_constraints import constrains_text

__all__ = [
    "ProblemKind",
    "SchemaChecker",
    "SchemaProblem",
    "bundled",
    "constrains_text",
    "document_diagnostics",
    "is_valid_schema",
    "problem_diagnostic",
]


def is_valid_schema(schema: object) -> list[SchemaProblem]:
    """Return what is wrong with a JSON Schema, of the draft that it names, else of 2020-12."""
    # jsonschema takes long to import, and few specs hand a schema on.
    from batchspec.core.schema import metaschema  # noqa: PLC0415

    return metaschema.problems_of(schema)
