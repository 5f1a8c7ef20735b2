"""What a lock makes of a spec's models."""

from __future__ import annotations

from pathlib import Path

import pytest
from building_specs import PATH, Folder

from batchspec.core.errors import InvalidInputError
from batchspec.core.model_lock import ModelLock, Pin, pinned

LOCK = ModelLock(pins={"m-latest": Pin("m-2506"), "m": Pin("m-2506")}, unpinned=frozenset({"odd"}))
HEAD = "batchspec: 1\nname: a\nprompt: p\n"


def test_a_spec_is_sent_to_what_its_models_are_pinned_to_and_knows_what_it_asked_for(tmp_path: Path) -> None:
    spec = pinned(Folder(tmp_path).spec(HEAD + "models: [m-latest, other, odd]\n"), LOCK)
    assert spec.models == ("m-2506", "other", "odd")
    assert spec.pins == {"m-2506": "m-latest"}
    assert [target.model for target in spec.targets] == list(spec.models)


def test_a_spec_without_an_alias_and_an_agent_are_left_as_they_are(tmp_path: Path) -> None:
    for models in ("model: m-2506\n", "agent_id: ag_1\n"):
        spec = Folder(tmp_path).spec(HEAD + models)
        assert pinned(spec, LOCK) is spec


@pytest.mark.parametrize(("models", "column"), [("[x, m-latest, m]", 23), ("[m-2506, m-latest]", 18)])
def test_two_names_of_one_model_are_refused_where_the_second_stands(tmp_path: Path, models: str, column: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        pinned(Folder(tmp_path).spec(f"{HEAD}models: {models}\n"), LOCK)
    (found,) = caught.value.diagnostics
    assert found.code == "same-model"
    assert found.location.path == PATH
    assert found.location.span is not None
    assert (found.location.span.line, found.location.span.column) == (4, column)


def test_two_names_that_a_project_gives_by_default_are_refused_too(tmp_path: Path) -> None:
    spec = Folder(tmp_path).spec(HEAD, {"models": ["m", "m-latest"]})
    with pytest.raises(InvalidInputError) as caught:
        pinned(spec, LOCK)
    assert caught.value.diagnostics[0].location.path == PATH


def test_what_a_lock_does_not_cover_are_names_that_could_be_pinned() -> None:
    assert LOCK.missing(["z-latest", "m", "odd", "x-2506", "ft:x", "agent:a", "z-latest"]) == ("z-latest",)
