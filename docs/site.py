"""Builds the documentation as a static site: `python docs/site.py --out site`, with the extra `docs` (MkDocs).

The pages are those of the repository, laid out as they lie there, so that every link that works in a clone works on the
site. It is strict: a link or an anchor that leads nowhere ends it with exit code 1. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"tutorial": "Tutorial", "how-to": "How to", "reference": "Reference", "explanation": "Explanation"}
_LINK = re.compile(r"(\[[^\]]*\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_COMMENT = re.compile(r"^<!--.*?-->\n+", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield every page of the site by its path in the repository."""
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
    for folder in ("docs", "examples", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def lay_out(stage: Path) -> None:
    """Copy the pages to a folder, and what they link to; a link to a folder leads to its README, if it has one."""
    for page in pages():
        parts = _CODE.split(page.read_text(encoding="utf-8"))
        # Code stands at the odd places, and what looks like a comment or a link there is neither.
        parts[::2] = [_COMMENT.sub("", part) for part in parts[::2]]
        parts[::2] = [_LINK.sub(partial(_led, page=page, stage=stage), part) for part in parts[::2]]
        _write(stage / page.relative_to(ROOT), "".join(parts))
    listed = (f"- [{page.parent.name}]({page.parent.name}/README.md)" for page in _examples())
    _write(stage / "examples/README.md", "\n".join(["# Examples", "", *listed, ""]))


def _led(link: re.Match[str], *, page: Path, stage: Path) -> str:
    before, target, after = link.groups()
    if re.match(r"[a-z]+:", target):
        return link[0]
    meant = (page.parent / target).resolve()
    if meant.is_dir():
        has_page = (meant / "README.md").is_file() or meant == ROOT / "examples"
        # A folder of sources has no page, and its name stays as text.
        return f"{before}{target.rstrip('/')}/README.md{after}" if has_page else before[1:-2]
    if meant.is_file() and meant.suffix != ".md" and meant.is_relative_to(ROOT):
        copy = stage / meant.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(meant, copy)
    return link[0]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _examples() -> list[Path]:
    return sorted((ROOT / "examples").glob("*/README.md"))


def navigation() -> list[dict[str, Any]]:
    """Return the menu: the four kinds of page, the decisions, the examples."""
    menu: list[dict[str, Any]] = [{"Start": "README.md"}, {"All pages": "docs/index.md"}]
    for folder, title in (*KINDS.items(), ("decisions", "Decisions")):
        found = sorted((ROOT / "docs" / folder).glob("*.md"))
        menu.append({title: [page.relative_to(ROOT).as_posix() for page in found]})
    menu.append({"Examples": ["examples/README.md", *(page.relative_to(ROOT).as_posix() for page in _examples())]})
    return menu


def slug(heading: str, separator: str) -> str:
    """Return a heading's anchor as code hosts make it, by which the pages link to each other."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def build(out: Path) -> None:
    """Write the site to a folder, in place of what was there. Raises click's Abort where a link is broken."""
    from mkdocs.commands.build import build as build_site  # noqa: PLC0415 - an extra
    from mkdocs.config.defaults import MkDocsConfig  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder).resolve()
        lay_out(stage / "pages")
        settings = MkDocsConfig(config_file_path=str(stage / "mkdocs.yml"))
        settings.load_dict(
            {
                "site_name": "batchspec",
                "docs_dir": str(stage / "pages"),
                "site_dir": str(out.resolve()),
                "nav": navigation(),
                "strict": True,
                "use_directory_urls": False,
                "theme": {
                    "name": "mkdocs",
                    "color_mode": "auto",
                    "user_color_mode_toggle": True,
                    "highlightjs": False,
                },
                "markdown_extensions": [
                    "sane_lists",
                    {"toc": {"permalink": True, "slugify": slug, "toc_depth": "2-3"}},
                ],
                "validation": {"anchors": "warn", "unrecognized_links": "warn", "omitted_files": "ignore"},
                "plugins": ["search"],
            }
        )
        errors, warnings = settings.validate()
        assert not errors, errors
        assert not warnings, warnings
        settings.plugins.on_startup(command="build", dirty=False)
        build_site(settings)


def main() -> int:
    """Build the site; return the exit code."""
    options = argparse.ArgumentParser(description="Build the documentation as a static site.")
    options.add_argument("--out", type=Path, default=ROOT / "site", help="where to write it (default: site)")
    out = options.parse_args().out
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        build(out)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mkdocs":
            raise
        sys.stderr.write("the site needs MkDocs: pip install 'batchspec[docs]', or -e '.[docs]' in a clone\n")
        return 1
    sys.stdout.write(f"{out}/index.html\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
