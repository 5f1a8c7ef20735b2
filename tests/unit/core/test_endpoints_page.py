"""The reference page of the endpoints: a section for each, with bodies that its schema lets through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from building_specs import PATH, Folder

from batchspec.core.diagnostics import Diagnostic
from batchspec.core.endpoints import endpoint_at
from batchspec.core.model import ENDPOINTS, InputRow
from batchspec.core.rendering import SpecRenderer
from batchspec.project.packaged import packaged_schema

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "endpoints.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROW = {
    "text": "Hello",
    "reply": "Well",
    "before": "def f(",
    "after": "return",
    "url": "https://example.org/a",
    "picture": "a.png",
    "messages": [{"role": "user", "content": "Hello"}],
}


def test_every_endpoint_has_its_section_in_the_order_of_the_table() -> None:
    assert list(SECTIONS) == list(ENDPOINTS)
    table = re.findall(r"^\| `(/v1/\S+)` \| `(\S+)` \|", PAGE, re.MULTILINE)
    assert table == [(path, endpoint_at(path).schema) for path in ENDPOINTS]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_section_says_what_prompt_and_text_are_and_what_is_bounded(endpoint: str) -> None:
    section = SECTIONS[endpoint]
    assert [line.split()[1] for line in re.findall(r"^- .*", section, re.MULTILINE)] == [
        "`prompt`",
        "`text`",
        "Limits:",
    ]
    assert ("`prompt` is not taken" in section) == (endpoint_at(endpoint).prompt is None)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_bodies_that_are_shown_fit(tmp_path: Path, endpoint: str) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.png").write_bytes(b"\x89PNG")
    blocks = re.findall(r"^```yaml\n(.*?)^```", SECTIONS[endpoint], re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert block.startswith(f"endpoint: {endpoint}\n")
        spec = folder.spec(f"batchspec: 1\nname: shown\nmodel: m\n{block}")
        found: list[Diagnostic] = []
        renderer = SpecRenderer(spec, folder.files, packaged_schema(endpoint_at(endpoint).schema))
        assert len(list(renderer.render([InputRow(ROW, PATH, 1)], found.append))) == 1
        assert found == []
