from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_site import Site, installed_site

from batchspec.core.offered import PluginClashError, PluginError
from batchspec.plugins.installed import code_mark, installed, loaded, named
from batchspec.plugins.offers import InstalledPlugins
from batchspec.plugins.surface import InputPlugin

site = installed_site

READER = "reader = InputPlugin(api_version=1, read_file=lambda file: [])\n"
BUILT_IN = {"inputs": {"csv"}, "outputs": {"csv"}, "providers": {"emulator"}}


def refusal(site: Site, name: str = "srt") -> PluginError:
    with pytest.raises(PluginError) as caught:
        InstalledPlugins(site.root).reader(name)
    return caught.value


def test_a_plugin_is_found_by_its_name_and_nothing_else_is(site: Site) -> None:
    site.install("kp_found", READER, inputs="srt = reader")
    found = named("inputs", "srt", site.root)
    assert found is not None
    assert found.told == "batchspec-kp_found 1.0"
    assert named("inputs", "srtx", site.root) is None
    assert named("outputs", "srt", site.root) is None
    assert named("inputs", "../srt", site.root) is None


def test_nothing_is_imported_before_it_is_asked_for(site: Site) -> None:
    site.install("kp_lazy", READER, inputs="srt = reader")
    assert installed(site.root)
    assert "kp_lazy" not in sys.modules
    assert InstalledPlugins(site.root).reader("srt") is not None
    assert "kp_lazy" in sys.modules


def test_two_distributions_of_one_name_are_both_told(site: Site) -> None:
    site.install("kp_one", READER, inputs="srt = reader")
    site.install("kp_two", READER, version="2.0", inputs="srt = reader")
    error = refusal(site)
    assert isinstance(error, PluginClashError)
    assert "batchspec-kp_one 1.0 and batchspec-kp_two 2.0" in error.summary
    assert "kp_one" not in sys.modules


def test_a_second_copy_further_down_the_path_counts_no_more_than_for_imports(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    site.install("kp_copy", READER, version="2.0", inputs="srt = reader")
    site.install("kp_copy", READER, version="1.0", site=other, inputs="srt = reader")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert [each.version for each in installed(site.root) if each.name == "srt"] == ["2.0"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        ("", "AttributeError"),
        ("reader = 3", "is of type int, and must be batchspec.plugins.InputPlugin"),
        ("reader = OutputPlugin(api_version=1, open=print)", "is of type OutputPlugin"),
        ("reader = InputPlugin(api_version=99, read_file=print)", "version 99 of the plugins' interface"),
        ("reader = InputPlugin(api_version=1)", "one of `read_file` and `read_address` must be a function"),
        ("reader = InputPlugin(api_version=1, read_file=3)", "must be a function"),
        ("class E(Exception):\n  def __str__(self): raise OSError\nraise E", "E"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_version_and_the_reason(site: Site, code: str, why: str) -> None:
    site.install("kp_broken", code, version="3.4", inputs="srt = reader")
    error = refusal(site)
    assert error.code == "plugin-broken"
    assert "`srt` of batchspec-kp_broken 3.4" in error.summary
    assert why in str(error.why)
    assert error.hint
    assert (error.exit_code, "pip install --upgrade batchspec-kp_broken" in error.hint) == (3, True)


def test_nothing_of_the_projects_folder_is_a_plugin(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = site.root / "src"
    inner.mkdir()
    site.install("kp_root", READER, site=site.root, inputs="srt = reader")
    site.install("kp_inner", READER, site=inner, inputs="vtt = reader")
    monkeypatch.setattr(sys, "path", ["", str(inner), *sys.path])
    assert named("inputs", "srt", site.root) is None
    assert named("inputs", "vtt", site.root) is None
    monkeypatch.setattr(sys, "path", [str(site.root), *sys.path[1:]])
    assert named("inputs", "srt", site.root) is None


def test_an_environment_in_the_projects_folder_is_none_of_the_project(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = site.root / ".venv/lib/python3/site-packages"
    inner.mkdir(parents=True)
    site.install("kp_venv", READER, site=inner, inputs="srt = reader")
    monkeypatch.setattr(sys, "path", [*sys.path, str(inner)])
    assert named("inputs", "srt", site.root) is not None


def test_a_module_of_the_projects_folder_does_not_stand_in_for_an_installed_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("kp_shadow", READER, inputs="srt = reader")
    (site.root / "kp_shadow.py").write_text("raise AssertionError('it was run')\n")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    error = refusal(site)
    assert "would be loaded from the project's folder" in error.summary
    (site.root / "kp_shadow.py").unlink()
    (site.root / "kp_shadow").mkdir()
    assert InstalledPlugins(site.root).reader("srt") is not None


def test_a_package_whose_description_is_damaged_is_passed_over(site: Site) -> None:
    site.install("kp_sound", READER, inputs="srt = reader")
    damaged = site.folder / "damaged-1.0.dist-info"
    damaged.mkdir()
    (damaged / "entry_points.txt").write_bytes(b"\xff[batchspec.inputs]\nx=y:z")
    (site.folder / "empty-1.0.dist-info").mkdir()
    assert named("inputs", "srt", site.root) is not None


def test_a_plugin_is_known_by_its_version_and_by_its_code(site: Site) -> None:
    marks = set()
    for version, code in (("1.0", READER), ("1.1", READER), ("1.1", READER + "# edited\n")):
        for old in site.folder.glob("*.dist-info"):
            for path in old.iterdir():
                path.unlink()
            old.rmdir()
        site.install("kp_mark", code, version=version, inputs="srt = reader")
        code_mark.cache_clear()
        found = named("inputs", "srt", site.root)
        assert found is not None
        loaded(found, InputPlugin, site.root)
        marks.add(code_mark(found))
    assert len(marks) == 3


def test_doctor_is_told_of_every_plugin_and_what_is_wrong_with_it(site: Site) -> None:
    site.install("kp_good", READER, inputs="srt = reader")
    site.install("kp_bad", "import nothing_of_this_name", outputs="md = writer")
    site.install("kp_taken", READER, inputs="csv = reader")
    site.install("kp_odd", READER, inputs="s.r.t = reader")
    told = {each.name: each.problem for each in InstalledPlugins(site.root).standings(BUILT_IN)}
    assert told["srt"] is None
    assert "No module named 'nothing_of_this_name'" in str(told["md"])
    assert "built in" in str(told["csv"])
    assert "no name" in str(told["s.r.t"])
    assert {"kp_taken", "kp_odd"} & set(sys.modules) == set()
