from __future__ import annotations

import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_site import Site, installed_site

from batchspec.core.errors import FileProblemError
from batchspec.core.offered import Maker, PluginDataError, PluginFaultError
from batchspec.plugins.foreign import called
from batchspec.plugins.offers import InstalledPlugins
from batchspec.plugins.reading import PluginReader

site = installed_site

CODE = "def read(file):\n{}\nreader = InputPlugin(api_version=1, read_file=read)\n"


def reader_of(site: Site, body: str) -> PluginReader:
    site.install("kp_read", CODE.format("\n".join(f"    {line}" for line in body.splitlines())), inputs="srt = reader")
    reader = InstalledPlugins(site.root).reader("srt")
    assert reader is not None
    return reader


def fault_of(site: Site, body: str, data: bytes = b"") -> PluginFaultError:
    with pytest.raises(PluginFaultError) as caught:
        list(reader_of(site, body).rows("talk.srt", io.BytesIO(data)))
    return caught.value


def test_rows_come_with_the_path_and_their_positions(site: Site) -> None:
    reader = reader_of(site, "for n, line in enumerate(file.stream, 3): yield Row({'text': line.decode().strip()}, n)")
    rows = list(reader.rows("talk.srt", io.BytesIO(b"a\nb\n")))
    assert [(row.values, row.path, row.line, row.absent) for row in rows] == [
        ({"text": "a"}, "talk.srt", 3, None),
        ({"text": "b"}, "talk.srt", 4, None),
    ]


def test_rows_are_the_programs_own_and_do_not_change_with_the_plugins(site: Site) -> None:
    reader = reader_of(site, "v = {'a': [1]}\nfor n in (1, 2):\n    v['a'][0] = n\n    yield Row(v, n)")
    rows = list(reader.rows("talk.srt", io.BytesIO()))
    assert [row.values for row in rows] == [{"a": [1]}, {"a": [2]}]


@pytest.mark.parametrize(
    ("body", "told", "line"),
    [
        ("yield Row({}, 1)\nyield Row({}, 1)", "gave two rows one position", 1),
        ("yield Row({}, 2)\nyield Row({}, 1)", "gave rows out of order", 1),
        ("yield Row({}, 0)", "gave a row without a position", None),
        ("yield Row({}, True)", "gave a row without a position", None),
        ("yield {'a': 1}", "gave something that is no row", None),
        ("yield Row([1], 1)", "gave a row without columns", 1),
        ("yield Row({1: 2}, 1)", "gave a column without a name", 1),
        ("yield Row({'': 2}, 1)", "gave a column without a name", 1),
        ("import datetime\nyield Row({'a': datetime.date(2026, 1, 1)}, 7)", "gave what JSON has no form for in `a`", 7),
        ("yield Row({'a': float('nan')}, 1)", "gave what JSON has no form for in `a`", 1),
        ("yield Row({'a': [{'b': {1, 2}}]}, 1)", "gave what JSON has no form for in `a`", 1),
        ("yield Row({'a': {1: 2}}, 1)", "gave what JSON has no form for in `a`", 1),
        ("yield Row({'a': '\\ud800'}, 1)", "gave what JSON has no form for in `a`", 1),
        ("v = []\nv.append(v)\nyield Row({'a': v}, 1)", "gave what JSON has no form for in `a`", 1),
        ("yield Row(type('M', (dict,), {'items': None})(), 1)", "gave a row whose columns cannot be read", 1),
        ("return 3", "failed at its first row", None),
        ("yield Row({}, 5)\nraise KeyError('x')", "failed after the row at 5", None),
        ("raise SystemExit(2)\nyield", "failed at its first row", None),
        ("open('/nowhere/at/all')\nyield", "failed at its first row", None),
    ],
)
def test_a_broken_promise_names_the_plugin_and_the_row(site: Site, body: str, told: str, line: int | None) -> None:
    error = fault_of(site, body)
    assert error.summary == f"the plugin `srt` of batchspec-kp_read 1.0 {told}"
    assert error.line == line
    assert error.why
    assert error.hint
    assert error.code == "plugin-fault"


def test_what_a_plugin_says_of_the_data_is_no_fault_of_its_own(site: Site) -> None:
    error = fault_of(site, "yield Row({}, 1)\nraise RowError('no time', line=4, hint='write one')")
    assert isinstance(error, PluginDataError)
    assert (error.summary, error.line, error.hint, error.code) == ("no time", 4, "write one", "plugin-data")


@pytest.mark.parametrize(
    ("raised", "summary", "line"),
    [
        ("RowError(None)", "RowError: None", None),
        ("RowError(3, line='x', hint=4)", "3", None),
        ("RowError('a', line=-1)", "a", None),
        ("type('Own', (RowError,), {'__init__': lambda self: None})()", "Own", None),
    ],
)
def test_what_a_plugin_says_of_the_data_is_shown_whatever_it_is(
    site: Site, raised: str, summary: str, line: int | None
) -> None:
    error = fault_of(site, f"raise {raised}\nyield")
    assert isinstance(error, PluginDataError)
    assert (error.summary, error.line) == (summary, line)
    assert isinstance(error.hint, str)


def test_the_files_own_problems_are_not_the_plugins(site: Site) -> None:
    class Failing(io.RawIOBase):
        def __init__(self, error: Exception) -> None:
            self.error = error

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise self.error

    reader = reader_of(site, "file.stream.read()\nyield")
    for error in (OSError(5, "Input/output error"), FileProblemError("damaged", hint="pack it again")):
        with pytest.raises(type(error)) as caught:
            list(reader.rows("talk.srt", io.BufferedReader(Failing(error))))
        assert caught.value is error
    with pytest.raises(UnicodeError):
        list(reader_of_text(site).rows("talk.srt", io.BytesIO(b"\xff")))


def reader_of_text(site: Site) -> PluginReader:
    site.install("kp_text", CODE.format("    yield Row({'a': file.stream.read().decode()}, 1)"), inputs="txtx = reader")
    reader = InstalledPlugins(site.root).reader("txtx")
    assert reader is not None
    return reader


def test_what_a_plugin_prints_is_not_among_the_results(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    reader = reader_of(site, "print('one')\nyield Row({}, 1)\nprint('two')")
    for _ in reader.rows("talk.srt", io.BytesIO()):
        print("mine")
    assert capsys.readouterr().out == "mine\n"


def test_calls_in_several_threads_leave_stdout_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(called, lambda: first.wait(10))
        two = threads.submit(called, lambda: second.wait(10))
        called(lambda: print("dropped"))
        first.set()
        assert one.result()
        second.set()
        assert two.result()
    print("kept")
    assert capsys.readouterr().out == "kept\n"


def test_a_reader_can_be_sent_to_another_process_and_is_refused_where_its_code_is_another(site: Site) -> None:
    reader = reader_of(site, "yield Row({}, 1)")
    sent = pickle.loads(pickle.dumps(reader))
    assert len(list(sent.rows("talk.srt", io.BytesIO()))) == 1
    changed = PluginReader(found=reader.found, root=reader.root, maker=Maker("another", "another"))
    with pytest.raises(PluginFaultError, match="was changed while this ran"):
        list(changed.rows("talk.srt", io.BytesIO()))


def test_a_plugin_whose_rows_are_of_more_than_the_bytes_has_no_mark(site: Site) -> None:
    code = "reader = InputPlugin(api_version=1, read_file=lambda file: [], by_content=False)\n"
    site.install("kp_more", code, inputs="srt = reader")
    reader = InstalledPlugins(site.root).reader("srt")
    assert reader is not None
    assert reader.maker.mark is None


def test_one_plugin_may_read_addresses_and_no_files(site: Site) -> None:
    code = "reader = InputPlugin(api_version=1, read_address=lambda at: [Row({'at': at}, 1)])\n"
    site.install("kp_addr", code, inputs="notes = reader")
    plugins = InstalledPlugins(site.root)
    assert plugins.reader("notes") is None
    store = plugins.store("notes")
    assert store is not None
    assert [(row.values, row.path) for row in store.rows("notes://a/b")] == [({"at": "notes://a/b"}, "notes://a/b")]


def test_a_connection_that_fails_is_said_to_be_the_plugins(site: Site) -> None:
    code = "def at(address): raise ConnectionResetError(104, 'reset')\n"
    site.install("kp_net", code + "reader = InputPlugin(api_version=1, read_address=at)\n", inputs="notes = reader")
    store = InstalledPlugins(site.root).store("notes")
    assert store is not None
    with pytest.raises(PluginFaultError) as caught:
        list(store.rows("notes://a/b"))
    assert caught.value.summary == "the plugin `notes` of batchspec-kp_net 1.0 failed at its first row"
    assert caught.value.why == "ConnectionResetError: [Errno 104] reset"


def test_a_reader_that_is_left_is_closed(site: Site, tmp_path: Path) -> None:
    left = tmp_path / "left"
    reader = reader_of(
        site, f"try:\n    yield Row({{}}, 1)\n    yield Row({{}}, 2)\nfinally: open({str(left)!r}, 'w').close()"
    )
    rows = reader.rows("talk.srt", io.BytesIO())
    next(rows)
    assert not left.exists()
    rows.close()  # type: ignore[attr-defined] # it is a generator
    assert left.exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values=st.dictionaries(st.text(min_size=1), JSON, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_json_value_goes_through_as_it_is(site: Site, values: dict[str, object]) -> None:
    name = "kp_json"
    if not (site.folder / f"{name}.py").exists():
        site.install(name, CODE.format("    yield Row(file.stream, 1)"), inputs="srt = reader")
    reader = InstalledPlugins(site.root).reader("srt")
    assert reader is not None
    (row,) = reader.rows("x.srt", values)  # type: ignore[arg-type] # what the reader is given it gives back
    assert row.values == values
