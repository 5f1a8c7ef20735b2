"""The documentation says what the program does: generated pages are fresh, tables are complete, vectors are true."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
from diagnostic_codes import codes_in, without_way_out

from batchspec.core.canonical import RequestIdentity, body_digest, canonical
from batchspec.core.code_pages import CodePage
from batchspec.core.model import ENDPOINTS
from batchspec.emulator.answers import ANSWERERS
from batchspec.emulator.faults import CALLS, Faults
from batchspec.inputs.opening import FORMATS
from batchspec.project.code_pages import load_pages
from batchspec.project.settings import DEFAULT_KEYS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
_VARIABLE = re.compile(r"(?:BATCHSPEC|MISTRAL)_[A-Z_]+|NO_COLOR|FORCE_COLOR|TERM|CI")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED: dict[Path, str] = _generator().pages()


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_cells(text: str) -> list[str]:
    """Return what stands in backticks in the first cell of every row of every table."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_generated_page_is_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run `python docs/generate.py`"


def test_every_code_has_a_page_and_every_page_is_of_a_code() -> None:
    used = codes_in(ROOT / "batchspec")
    pages = load_pages()
    assert len(used) > 50
    assert {code: module for code, module in used.items() if code not in pages} == {}
    assert [code for code in pages if code not in used] == []


@pytest.mark.parametrize("page", load_pages().values(), ids=lambda page: page.code)
def test_a_page_of_a_code_is_whole(page: CodePage) -> None:
    assert re.search(r"^\$ (?:[A-Z_]+=\S+ )*batchspec ", page.example, re.MULTILINE)
    assert min(len(page.meaning), len(page.why), len(page.way_out)) > 10
    assert all(text.endswith((".", "`")) for text in (page.meaning, page.why, page.way_out))


def test_every_error_that_is_raised_says_a_way_out() -> None:
    told = {"BatchspecError", "Diagnostic", "InvalidInputError", "FileProblemError", "StateError", "AccessError"}
    told |= {"LockedError", "StaleError", "NotApprovedError", "LimitError", "ProviderError", "EmulatorError"}
    assert without_way_out(ROOT / "batchspec", frozenset(told)) == []


def test_every_code_that_a_golden_file_shows_is_one_that_was_found_in_the_source() -> None:
    shown = {
        code
        for path in (ROOT / "tests").rglob("golden/*.txt")
        for code in re.findall(r"(?:error|warning)\[([a-z-]+)\]", path.read_text(encoding="utf-8"))
    }
    assert len(shown) > 10
    assert shown <= set(codes_in(ROOT / "batchspec"))


def test_every_variable_that_is_read_is_on_the_page_and_no_other_of_ours() -> None:
    read = set(_variables())
    cells = first_cells(page("reference/environment.md"))
    listed = {name for name in (cell.replace("_VAR_name", "_VAR_") for cell in cells) if _VARIABLE.fullmatch(name)}
    assert len(read) > 5
    assert listed == read


def _variables() -> Iterator[str]:
    for path in (ROOT / "batchspec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.fullmatch(node.value):
                yield node.value


def test_the_emulator_page_lists_what_it_answers_and_every_fault_and_call() -> None:
    text = page("reference/emulator.md")
    listed = first_cells(text)
    assert [name for name in listed if name.startswith("/v1/")] == list(ANSWERERS)
    assert [fault.name for fault in fields(Faults) if fault.name not in listed] == []
    assert [call for call in CALLS if f"`{call}`" not in text] == []


def test_the_endpoints_page_lists_every_endpoint_with_a_schema_that_is_there() -> None:
    listed = first_cells(page("reference/endpoints.md"))
    schemas = re.findall(r"`([a-z-]+\.schema\.json)`", page("reference/endpoints.md"))
    assert listed == list(ENDPOINTS)
    assert len(schemas) == len(ENDPOINTS)
    assert [name for name in schemas if not (ROOT / "schemas" / name).exists()] == []


def test_the_inputs_page_lists_every_format() -> None:
    listed = first_cells(page("reference/inputs.md"))
    assert [name for name in listed if name.startswith(".")] == [f".{name}" for name in FORMATS]


def test_the_project_page_lists_every_default() -> None:
    text = page("reference/project.md")
    assert [key for key in DEFAULT_KEYS if f"`{key}`" not in text] == []


def test_the_vectors_of_the_identity_page_are_true() -> None:
    identity = RequestIdentity("/v1/chat/completions", "mistral-small-latest")
    rows = re.findall(
        r"^\| `(.*)` \| (hexadecimal )?`(.*)` \| `([0-9a-f]{32})` \|$", page("explanation/identity.md"), re.MULTILINE
    )
    assert len(rows) == 15
    for body, in_hex, form, digest in rows:
        made = canonical(json.loads(body))
        assert made == (bytes.fromhex(form) if in_hex else form.encode())
        assert identity.digest(body_digest(made)).hex() == digest


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_its_form_and_is_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    number, title = re.match(r"# (\d+)\. (.+)\n", text).groups()  # type: ignore[union-attr]
    assert path.name.startswith(f"{int(number):04d}-")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40
    assert f"- [{title}](decisions/{path.name})" in page("index.md")
