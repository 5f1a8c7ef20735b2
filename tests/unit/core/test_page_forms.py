"""The form of the pages that explain codes, and which code somebody may have meant."""

from __future__ import annotations

import pytest

from batchspec.core.code_pages import code_in, meant, read_pages

TEXT = """# Specs

## unknown-key

A key that is not
known.

`demo.batchspec.yaml`

```yaml
modle: m
```

```console
$ batchspec validate
demo: error[unknown-key]
```

Why: It would be
ignored.

Way out: Mend it.
"""


def test_a_page_is_read_in_its_parts() -> None:
    page = read_pages(TEXT)["unknown-key"]
    assert (page.group, page.meaning) == ("Specs", "A key that is not known.")
    assert page.example.startswith("`demo.batchspec.yaml`")
    assert page.example.endswith("error[unknown-key]\n```")
    assert (page.why, page.way_out) == ("It would be ignored.", "Mend it.")


@pytest.mark.parametrize("part", ["Way out: Mend it.\n", "Why: It would be\nignored.\n"])
def test_a_page_without_a_part_is_refused_by_its_code(part: str) -> None:
    with pytest.raises(ValueError, match="`unknown-key` has `"):
        read_pages(TEXT.replace(part, ""))


def test_a_page_without_an_example_is_refused() -> None:
    with pytest.raises(ValueError, match="no example"):
        read_pages("# Specs\n\n## unknown-key\n\nA key.\n")


@pytest.mark.parametrize(
    "given", ["unknown-key", "error[unknown-key]", "warning[unknown-key]:", "[unknown-key]", "UNKNOWN_KEY"]
)
def test_a_code_is_found_in_what_was_copied(given: str) -> None:
    assert code_in(given) == "unknown-key"


def test_what_is_no_code_stays_as_it_is() -> None:
    assert code_in("T-17/a") == "T-17/a"


@pytest.mark.parametrize(("given", "closest"), [("unknwon-key", "unknown-key"), ("key", "unknown-key"), ("T-17", None)])
def test_the_closest_code_is_meant(given: str, closest: str | None) -> None:
    assert meant(given, read_pages(TEXT)) == closest
