"""A price table read from a document: checked against its schema, every finding with its place.

The same for the table that is packaged and for one that a user gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from batchspec.core.diagnostics import Diagnostic, has_errors
from batchspec.core.errors import InvalidInputError
from batchspec.core.pricing import Price, PriceTable
from batchspec.core.schema import SchemaChecker, document_diagnostics
from batchspec.core.source import SourceDocument, load_source

_HALF = 0.5
_RATES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "pages": "pages",
    "annotated_pages": "annotated_pages",
    "minute": "minute",
}


def read_prices(text: str, path: str, schema: Mapping[str, object], base: PriceTable | None = None) -> PriceTable:
    """Read a table from YAML or JSON; over `base`, unless it says that it stands alone.

    Raises InvalidInputError with every finding.
    """
    document = load_source(text, path)
    findings = document_diagnostics(document, SchemaChecker(schema))
    if not has_errors(findings):
        findings += _repeated(document)
    if has_errors(findings):
        raise InvalidInputError(f"{path} is not a valid price table", findings)
    value = document.value
    assert isinstance(value, dict), "the schema lets only mappings through here"
    prices: dict[str, Price] = {}
    for line in value["models"]:
        price = _price(line, str(value["as_of"]), str(value.get("source", path)))
        prices.update((str(name), price) for name in line["names"])
    own = PriceTable(as_of=str(value["as_of"]), batch=_decimal(value.get("batch", _HALF)), prices=prices)
    return own if base is None or value.get("replace") else base.extended(own)


def _price(line: Mapping[str, object], as_of: str, source: str) -> Price:
    rates = {field: _decimal(line[name]) for name, field in _RATES.items() if name in line}
    return Price(as_of=str(line.get("as_of", as_of)), source=str(line.get("source", source)), **rates)


def _decimal(number: object) -> Decimal:
    """Return a number as it was written: its shortest form in decimals, not the nearest binary fraction."""
    return Decimal(str(number))


def _repeated(document: SourceDocument) -> list[Diagnostic]:
    value = document.value
    assert isinstance(value, dict), "the schema lets only mappings through here"
    seen: dict[str, int] = {}
    findings = []
    for at, line in enumerate(value["models"]):
        for nth, name in enumerate(line["names"]):
            earlier = seen.setdefault(str(name), at)
            if earlier != at or line["names"].index(name) != nth:
                line_number = document.value_span(("models", earlier)).line
                findings.append(
                    document.diagnostic(
                        ("models", at, "names", nth),
                        "repeated-name",
                        f"`{name}` has a price already",
                        detail=f"line {line_number} gives it one",
                        hint="keep one of them",
                    )
                )
    return findings
