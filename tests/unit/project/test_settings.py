"""What batchspec.toml may say, and where an error in it stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from batchspec.core.diagnostics import Diagnostic, Location
from batchspec.core.errors import FileProblemError, InvalidInputError
from batchspec.project.files import RootedFiles
from batchspec.project.settings import Settings, load_settings
from batchspec.project.toml_places import key_places


def loaded(root: Path, text: str) -> Settings:
    (root / "batchspec.toml").write_bytes(text.encode())
    return load_settings(RootedFiles(root))


def findings(root: Path, text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(InvalidInputError) as caught:
        loaded(root, text)
    assert caught.value.diagnostics
    return caught.value.diagnostics


def test_a_project_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(RootedFiles(tmp_path))
    assert settings == Settings()
    assert (settings.project_id, settings.state, settings.output_dir) == (None, ".batchspec/state.db", "results")
    assert settings.defaults == {}


def test_everything_that_may_be_said_is_read(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        '[project]\nid = "123E4567-e89b-42d3-a456-426614174000"\nstate = "./var/s.db"\noutput_dir = "out"\n'
        '\n[defaults]\nmodel = "m"\ntimeout_hours = 48\nlimits.max_cost_usd = 2.5\n[defaults.metadata]\nowner = "me"\n',
    )
    assert settings.project_id == "123e4567-e89b-42d3-a456-426614174000"
    assert (settings.state, settings.output_dir) == ("var/s.db", "out")
    assert settings.defaults == {
        "model": "m",
        "timeout_hours": 48,
        "limits": {"max_cost_usd": 2.5},
        "metadata": {"owner": "me"},
    }
    assert settings.default_places["timeout_hours"] == Location.at("batchspec.toml", 8, 1, len("timeout_hours"))
    assert settings.default_places["limits.max_cost_usd"] == Location.at("batchspec.toml", 9, 8, len("max_cost_usd"))
    assert settings.default_places["metadata"] == Location.at("batchspec.toml", 10, 11, len("metadata"))
    assert settings.default_places["metadata.owner"] == Location.at("batchspec.toml", 11, 1, len("owner"))


def test_unknown_keys_are_errors_with_their_place_and_the_nearest_name(tmp_path: Path) -> None:
    found = findings(tmp_path, 'host = "x"\n[project]\noutputdir = "x"\n\n[defaults]\n  modle = "m"\n[defalts]\n')
    assert [(one.code, one.location.span and one.location.span[:2], one.hint) for one in found] == [
        ("unknown-key", (1, 1), "known here: `defaults`, `project`"),
        ("unknown-key", (3, 1), "did you mean `output_dir`?"),
        ("unknown-key", (6, 3), "did you mean `model`?"),
        ("unknown-key", (7, 2), "did you mean `defaults`?"),
    ]
    assert found[2].source_line == '  modle = "m"'


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("project = 1\n", "wrong-type", 1),
        ("defaults = [1]\n", "wrong-type", 1),
        ("[[defaults]]\nmodel = 'm'\n", "wrong-type", 1),
        ("[project]\nid = 12\n", "project-id", 2),
        ("[project]\nid = 'urn:uuid:123e4567-e89b-42d3-a456-426614174000'\n", "project-id", 2),
        ("[project]\nstate = 1\n", "wrong-type", 2),
        ("[project]\n\noutput_dir = '../elsewhere'\n", "file", 3),
        ("[project]\nstate = '/var/state.db'\n", "file", 2),
        ("[defaults]\nmetadata = {day = 2024-01-01}\n", "wrong-type", 2),
        ("[defaults]\ntimeout_hours = inf\n", "wrong-type", 2),
    ],
)
def test_values_of_the_wrong_kind_are_errors_with_their_line(tmp_path: Path, text: str, code: str, line: int) -> None:
    (found,) = findings(tmp_path, text)
    assert found.code == code
    assert found.location.span is not None
    assert found.location.span.line == line
    assert found.hint


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[project]\nid = abc\n", (2, 6)),
        ('[project]\nstate = "x', (2, 11)),
        ('[defaults]\nmodel = "a"\nmodel = "b"\n', (3, 12)),
    ],
)
def test_a_syntax_error_is_located(tmp_path: Path, text: str, place: tuple[int, int]) -> None:
    (found,) = findings(tmp_path, text)
    assert found.code == "toml-syntax"
    assert found.location.span is not None
    assert found.location.span[:2] == place


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "x = " + "9" * 5_000], ids=["deep", "long number"])
def test_hostile_text_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    (found,) = findings(tmp_path, text)
    assert found.code == "toml-syntax"


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "batchspec.toml").write_bytes(b"\xff")
    with pytest.raises(FileProblemError, match="not UTF-8"):
        load_settings(RootedFiles(tmp_path))


def key_paths(value: object, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    paths: set[tuple[str, ...]] = set()
    if isinstance(value, dict):
        for key, item in value.items():
            paths |= {(*above, key)} | key_paths(item, (*above, key))
    elif isinstance(value, list):
        for item in value:
            paths |= key_paths(item, above)
    return paths


def test_every_key_is_found_whatever_stands_around_it() -> None:
    text = """
# a = 1
a = "b = 1 # [c]"
'lit "eral"' = 'x = "'
"quo\\"ted.\\u0041" = 1
d . e."f g" = [ # first = 1
  "x = [", ']', { h = 1, i = [2, {j = '}'}] }, # second = 2
  1979-05-27T07:32:00Z, -1.5e3,
]
k = @@@
l = 1
[m]
\\@@@ ""@@@
n = \'\'\'
o = 1 \'\' \'\'\'\'
[ p . "q.r" ] # s
t = {}
u = {v.w = {x = 1}, y = ""}
[[z]]
a1 = true
[[z]]
a2 = []
""".replace("@@@", '"' * 3).replace("\n", "\r\n")
    places = key_places(text)
    assert set(places) == key_paths(tomllib.loads(text))
    assert all(text[offset:].lstrip("'\"").startswith(path[-1][:3]) for path, offset in places.items())
