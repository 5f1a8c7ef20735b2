"""Rows rendered by several processes: the same requests, findings and digests as by one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from batchspec.commands.desired import RenderedChunk, RowsDigest, rendered_chunks
from batchspec.commands.findings import Findings
from batchspec.commands.loaded import LoadedSpec
from batchspec.commands.loading import SpecLoader
from batchspec.core.errors import BatchspecError, FileProblemError
from batchspec.core.shares import CHUNK
from batchspec.inputs.opening import open_rows
from batchspec.project.files import RootedFiles
from batchspec.project.packaged import packaged_schema
from batchspec.workers import Workers
from batchspec.workers.pool import WorkerDiedError

SPEC = """\
batchspec: 1
name: demo
model: mistral-small-latest
inputs: "*.csv"
custom_id: "{{ row.id }}"
prompt: "Say {{ row.word }}"
"""


class Silent:
    """Progress that nobody sees."""

    def start(self, phase: str, *, total: int | None = None, unit: str = "rows", done: int = 0) -> None: ...
    def advance(self, count: int = 1) -> None: ...
    def note(self, text: str) -> None: ...
    def finish(self) -> None: ...


def environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def load(root: Path, jobs: int | None, environ: Mapping[str, str] | None = None) -> LoadedSpec:
    loader = SpecLoader(
        files=RootedFiles(root),
        defaults={},
        default_places={},
        output_dir="results",
        schema=packaged_schema,
        open_rows=partial(open_rows, root=root),
        workers=Workers(jobs=jobs, root=root, environ=environ or environment()),
    )
    [loaded] = loader.load(["demo.batchspec.yaml"])
    return loaded


def chunks(loaded: LoadedSpec, findings: Findings) -> Iterator[RenderedChunk]:
    return rendered_chunks(loaded, None, findings, Silent(), lambda: None, with_values=False)


def outcome(root: Path, jobs: int) -> tuple[object, ...]:
    """Everything that whoever asks for chunks can tell of them."""
    findings, digest = Findings(), RowsDigest()
    requests = []
    sizes = []
    for chunk in chunks(load(root, jobs), findings):
        digest.add(chunk.told())
        sizes.append(len(chunk.rows))
        requests += [(row.custom_id, row.body, row.digest, row.form.key, row.row.place) for row in chunk.rows]
    return requests, sizes, digest.told(), findings.diagnostics()


def write(root: Path, table: Sequence[str], spec: str = SPEC) -> None:
    (root / "demo.batchspec.yaml").write_text(spec, encoding="utf-8")
    (root / "rows.csv").write_text("id,word\n" + "".join(f"{line}\n" for line in table), encoding="utf-8")


def rows(count: int) -> list[str]:
    return [f"r{number},word {number}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_any_number_of_processes_gives_the_same_requests(tmp_path: Path, count: int) -> None:
    write(tmp_path, rows(count))
    alone = outcome(tmp_path, 1)
    assert len(alone[0]) == count  # type: ignore[arg-type]
    assert outcome(tmp_path, 2) == alone
    assert outcome(tmp_path, 5) == alone


def test_a_matrix_chosen_rows_and_their_types_are_the_same_too(tmp_path: Path) -> None:
    more = "matrix: {tone: [dry, warm, '{{ row.word }}'], n: [1, 2]}\n"
    shape = '{path: rows.csv, where: "row.n % 2 == 0", limit: 900, columns: {n: integer}}'
    spec = SPEC.replace('"*.csv"', shape).replace("Say {{ row.word }}", "{{ matrix.tone }} {{ row.n }}") + more
    (tmp_path / "demo.batchspec.yaml").write_text(spec, encoding="utf-8")
    table = "".join(f"r{number},word {number},{number}\n" for number in range(2_500))
    (tmp_path / "rows.csv").write_text("id,word,n\n" + table, encoding="utf-8")
    alone = outcome(tmp_path, 1)
    assert len(alone[0]) == 900 * 6  # type: ignore[arg-type]
    assert outcome(tmp_path, 3) == alone


def test_what_is_wrong_is_told_once_and_in_the_order_of_the_rows(tmp_path: Path) -> None:
    table = rows(2 * CHUNK + 10)
    table[7] = "short"
    table[CHUNK + 3] = "a,b,c"
    table[2 * CHUNK + 1] = '"" ,'
    table.append("last")
    write(tmp_path, table, SPEC.replace("{{ row.word }}", "{{ row.word.split()[1] | int // (row.word | length - 6) }}"))
    (tmp_path / "second.csv").write_text('id,word\nunclosed,"\n', encoding="utf-8")
    alone = outcome(tmp_path, 1)
    found = alone[3]
    assert isinstance(found, Sequence)
    assert len(found) > 5
    assert outcome(tmp_path, 2) == alone
    assert outcome(tmp_path, 4) == alone


def test_a_key_that_the_schema_does_not_know_is_warned_of_once(tmp_path: Path) -> None:
    write(tmp_path, rows(3 * CHUNK), SPEC + "body: {maximal_tokens: '{{ row.word | length }}'}\n")
    alone = outcome(tmp_path, 1)
    assert len(alone[3]) == 1  # type: ignore[arg-type]
    assert outcome(tmp_path, 3) == alone


def test_small_inputs_are_rendered_here_and_large_ones_by_a_process_for_each_core(tmp_path: Path) -> None:
    write(tmp_path, rows(10))
    assert load(tmp_path, None).processes() == 1
    assert load(tmp_path, 4).processes() == 4
    with (tmp_path / "rows.csv").open("r+b") as stream:
        stream.truncate(64 * 1024 * 1024)
    assert load(tmp_path, None).processes() == min(len(os.sched_getaffinity(0)), 8)


@pytest.mark.parametrize(
    "change",
    [
        ('"*.csv"', "[{id: a, word: b}]"),
        ("Say {{ row.word }}", "{{ row.word | b64file }}"),
        ("Say {{ row.word }}", "{% include row.word %}"),
    ],
    ids=["inline rows", "files by a filter", "files by an include"],
)
def test_what_other_processes_would_have_to_tell_of_is_rendered_here(tmp_path: Path, change: tuple[str, str]) -> None:
    write(tmp_path, rows(2), SPEC.replace(*change))
    assert load(tmp_path, 4).processes() == 1


def test_a_template_that_has_changed_since_the_spec_was_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, rows(5_000), SPEC.replace("Say {{ row.word }}", "{% include 'say.txt' %}"))
    (tmp_path / "say.txt").write_text("Say {{ row.word }}", encoding="utf-8")
    loaded = load(tmp_path, 2)
    (tmp_path / "say.txt").write_text("Cry {{ row.word }}", encoding="utf-8")
    with pytest.raises(BatchspecError, match=r"cannot be sent"):
        list(chunks(loaded, Findings()))


def test_an_input_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, rows(4 * CHUNK))
    stream = chunks(load(tmp_path, 2), Findings())
    next(stream)
    with (tmp_path / "rows.csv").open("a", encoding="utf-8") as table:
        table.write("more,words\n")
    with pytest.raises(FileProblemError, match=r"`rows.csv` was changed while it was read"):
        list(stream)


def test_a_process_that_dies_is_told_and_the_others_end(tmp_path: Path) -> None:
    write(tmp_path, rows(40 * CHUNK))
    stream = chunks(load(tmp_path, 2), Findings())
    next(stream)
    os.kill(min(children()), signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="has died") as caught:
        list(stream)
    assert "signal 9" in (caught.value.why or "")
    assert children() == set()


def test_nobody_goes_on_where_the_rest_is_not_wanted(tmp_path: Path) -> None:
    write(tmp_path, rows(40 * CHUNK))
    stream = chunks(load(tmp_path, 3), Findings())
    next(stream)
    assert len(children()) == 3
    stream.close()  # type: ignore[attr-defined]
    assert children() == set()


def test_processes_see_the_environment_that_they_are_given_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "canary")
    write(tmp_path, rows(40 * CHUNK))
    stream = chunks(load(tmp_path, 2, {**environment(), "MISTRAL_API_KEY": ""}), Findings())
    next(stream)
    seen = [Path(f"/proc/{child}/environ").read_bytes() for child in children()]
    assert len(seen) == 2
    assert not any(b"canary" in each for each in seen)
    stream.close()  # type: ignore[attr-defined]


def test_no_module_that_lies_in_the_project_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, rows(2 * CHUNK))
    for name in ("jinja2", "orjson", "pickle", "batchspec"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = list(chunks(load(tmp_path, 2, environ), Findings()))
    assert sum(len(each.rows) for each in found) == 2 * CHUNK
    assert not (tmp_path / "run").exists()


def children() -> set[int]:
    """The processes that this one has started and that are still there."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return {int(each) for each in listed.split()}
