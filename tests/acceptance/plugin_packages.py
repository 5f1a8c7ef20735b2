"""Installs small plugin packages as `pip install --target` would: modules, and a folder that says what they are."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

from driving import PROJECT_ID, Project

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/write-a-plugin.md"
TALK = "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n00:00:03,000 --> 00:00:04,000\nShall we\nbegin?\n"

_FILE = re.compile(r"^`([^`\n]+)`\n\n```[a-z]+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page_files() -> dict[str, str]:
    """The files that the page shows, by their names."""
    return dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))


def install(site: Path, files: Mapping[str, str], *, version: str | None = None) -> None:
    """Install a package, of a pyproject.toml and modules, in place of any other version of it."""
    told = tomllib.loads(files["pyproject.toml"])["project"]
    name, version = told["name"].replace("-", "_"), version or told["version"]
    for old in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    about = site / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {version}\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{point} = {target}\n" for point, target in named.items())
        for group, named in told["entry-points"].items()
    )
    (about / "entry_points.txt").write_text(points)
    for path, text in files.items():
        if path.endswith(".py"):
            (site / path).write_text(text)


def package(name: str, code: str, *, version: str = "1.0", **points: str) -> dict[str, str]:
    """Return the files of a package of one module; `points` are its entry points, `inputs="srt = subtitles"`."""
    listed = "".join(
        f'[project.entry-points."batchspec.{kind}"]\n{point.split(" = ")[0]} = "{name}:{point.split(" = ")[1]}"\n'
        for kind, point in points.items()
    )
    about = f'[project]\nname = "batchspec-{name}"\nversion = "{version}"\n'
    return {"pyproject.toml": about + listed, f"{name}.py": code}


def plugged(root: Path, **environ: str) -> Project:
    """Return an empty project, and the plugins' folder beside it on the path."""
    project = Project(root / "project", {"PYTHONPATH": f"{root / 'site'}:{ROOT}", **environ})
    project.write("batchspec.toml", f'[project]\nid = "{PROJECT_ID}"\n')
    return project
