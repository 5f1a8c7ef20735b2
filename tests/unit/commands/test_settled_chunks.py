"""Chunks that an earlier plan has settled are not compared again, and every plan comes out as if they were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_desk import Desk

from batchspec.core import shares
from batchspec.core.ledger import RequestStatus
from batchspec.core.model import RequestDigest
from batchspec.state.store import SqliteLedger

SPEC = 'batchspec: 1\nname: demo\nmodel: mistral-small-latest\ninputs: rows.csv\nprompt: "Say {{ row.word }}"\n'
NAMED = SPEC + 'custom_id: "{{ row.id }}"\n'
SPECS = {
    "ids from bodies": SPEC,
    "named ids": NAMED,
    "variants": NAMED.replace("model: mistral-small-latest", "models: [a, b]") + "matrix: {tone: [dry, warm]}\n",
    "replicates": NAMED.replace("{{ row.word }}", "{{ row.word }} {{ replicate }}") + "replicates: 2\n",
}
WORDS = [f"word {number}" for number in range(20)]


def table(words: Sequence[str]) -> str:
    return "id,word\n" + "".join(f"{word},{word}\n" for word in words)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that a table of ten rows has several of them; the true ones have thousands.
    monkeypatch.setattr(shares, "CHUNK", 4)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[RequestDigest]:
    """The requests that the ledger was asked about."""
    asked: list[RequestDigest] = []
    recorded = SqliteLedger.recorded

    def counting(ledger: SqliteLedger, digests: Sequence[RequestDigest]) -> object:
        if ledger._header is not None:
            asked.extend(digests)
        return recorded(ledger, digests)

    # The ledger itself answers; what it is asked is not to be seen from outside.
    monkeypatch.setattr(SqliteLedger, "recorded", counting)
    return asked


def settled(root: Path, spec: str) -> Desk:
    desk = Desk(root)
    desk.write("demo.batchspec.yaml", spec)
    desk.write("rows.csv", table(WORDS))
    desk.settle()
    assert desk.plan().sends == 0
    return desk


@pytest.mark.parametrize(
    ("words", "looked_at"),
    [
        ([*WORDS[:9], "edited", *WORDS[10:]], 4),
        ([*WORDS, "more"], 1),
        (WORDS[:16], 0),
        (WORDS[4:], 0),
        ([*WORDS[4:8], *WORDS[:4], *WORDS[8:]], 0),
        (["first", *WORDS], 21),
    ],
    ids=["edited", "added at the end", "removed at the end", "removed in front", "chunks swapped", "all moved"],
)
def test_only_chunks_with_changes_are_compared(
    tmp_path: Path, compared: list[RequestDigest], words: Sequence[str], looked_at: int
) -> None:
    desk = settled(tmp_path, NAMED)
    compared.clear()
    desk.write("rows.csv", table(words))
    assert desk.plan().rendered == len(words)
    assert len(compared) == looked_at


def test_a_chunk_in_which_anything_is_sent_is_not_settled(tmp_path: Path, compared: list[RequestDigest]) -> None:
    desk = settled(tmp_path, NAMED)
    desk.write("rows.csv", table(["edited", *WORDS[1:]]))
    for _ in range(2):
        compared.clear()
        assert desk.plan().sends == 1
        assert len(compared) == 4


def test_any_write_of_the_ledger_lets_all_chunks_go(tmp_path: Path, compared: list[RequestDigest]) -> None:
    desk = settled(tmp_path, NAMED)
    with desk.ledger() as ledger:
        assert ledger.ask_again(compared[-1:], frozenset({RequestStatus.SUCCEEDED})) == 1
    compared.clear()
    desk.write("rows.csv", table([*WORDS, "more"]))
    assert desk.plan().sends == 2
    assert len(compared) == 21


def test_a_spec_that_says_something_else_knows_no_chunks(tmp_path: Path, compared: list[RequestDigest]) -> None:
    desk = settled(tmp_path, NAMED)
    compared.clear()
    desk.write("demo.batchspec.yaml", NAMED + "revision: 2\n")
    assert desk.plan().sends == 20
    assert len(compared) == 20


@settings(max_examples=15)
@given(
    spec=st.sampled_from(sorted(SPECS)),
    edits=st.lists(st.lists(st.sampled_from([*WORDS[:8], "new", "newer"]), max_size=14), min_size=1, max_size=3),
)
def test_plans_are_as_if_nothing_were_remembered(spec: str, edits: Sequence[Sequence[str]]) -> None:
    with TemporaryDirectory() as folder:
        desk = settled(Path(folder), SPECS[spec])
        for words in edits:
            named = "custom_id" in SPECS[spec]
            desk.write("rows.csv", table(list(dict.fromkeys(words)) if named else words))
            # Holds the plan to one that knows nothing of earlier ones.
            desk.plan()
