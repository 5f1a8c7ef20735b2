from __future__ import annotations

import io

import pytest
from plugin_site import Site, installed_site

from batchspec.core.offered import MissingPluginError, PluginError, PluginFaultError
from batchspec.core.records import JsonText
from batchspec.plugins.offers import InstalledPlugins

site = installed_site

WRITER = """
class Writer:
    def __init__(self, stream, columns):
        self.stream = stream
        stream.write(repr(columns).encode())
    def write(self, records):
        {write}
    def finish(self):
        {finish}
    def close(self):
        pass
writer = OutputPlugin(api_version=1, open=Writer)
"""
LINES = "for record in records: self.stream.write(repr(list(record)).encode())"


def install(site: Site, *, write: str = LINES, finish: str = "pass") -> InstalledPlugins:
    site.install("kp_write", WRITER.format(write=write, finish=finish), outputs="md = writer")
    return InstalledPlugins(site.root)


def test_records_and_columns_reach_the_stream(site: Site) -> None:
    stream = io.BytesIO()
    writer = install(site).writer("md", stream, ["a", "b"])
    writer.write([[1, None], ["x", JsonText(b"[1]")]])
    writer.finish()
    writer.close()
    assert stream.getvalue() == b"('a', 'b')[1, None]['x', b'[1]']"


def test_a_format_that_nobody_writes_is_refused_with_what_is_installed(site: Site) -> None:
    plugins = install(site)
    assert plugins.writer_maker("xyz") is None
    with pytest.raises(MissingPluginError) as caught:
        plugins.writer("xyz", io.BytesIO(), ())
    assert "`md` (batchspec-kp_write 1.0)" in str(caught.value.why)


@pytest.mark.parametrize(
    ("write", "finish", "told"),
    [
        ("raise KeyError('x')", "pass", "failed while it wrote rows"),
        ("self.stream.write('text')", "pass", "failed while it wrote rows"),
        ("import sys; sys.exit(0)", "pass", "failed while it wrote rows"),
        ("pass", "1 / 0", "failed at the end of the output"),
    ],
)
def test_a_writer_that_fails_is_named_and_the_answers_are_said_to_be_kept(
    site: Site, write: str, finish: str, told: str
) -> None:
    writer = install(site, write=write, finish=finish).writer("md", io.BytesIO(), ["a"])
    with pytest.raises(PluginFaultError) as caught:  # noqa: PT012 - one of the two fails
        writer.write([[1]])
        writer.finish()
    assert caught.value.summary == f"the plugin `md` of batchspec-kp_write 1.0 {told}"
    assert "the answers are kept" in str(caught.value.hint)
    assert caught.value.exit_code == 1


def test_a_full_disk_is_not_the_plugins_fault(site: Site) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        install(site).writer("md", Full(), ["a"])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("writer = OutputPlugin(api_version=1, open=3)", "writes nothing"),
        ("writer = OutputPlugin(api_version=1, open=lambda stream, columns: 3)", "gave no writer"),
        ("def f(stream, columns): raise ValueError\nwriter = OutputPlugin(api_version=1, open=f)", "could not begin"),
    ],
)
def test_a_writer_that_is_none_is_found_out_at_its_beginning(site: Site, code: str, told: str) -> None:
    site.install("kp_write", code, outputs="md = writer")
    with pytest.raises(PluginError, match=told):
        InstalledPlugins(site.root).writer("md", io.BytesIO(), ())
