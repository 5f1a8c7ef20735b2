"""Templates: types that are kept, errors with their place, and a sandbox that is strict, pure and bounded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchspec.core.diagnostics import Location
from batchspec.core.errors import FileProblemError
from batchspec.core.origin import FileOrigin, TemplateText
from batchspec.core.template import Compiled, TemplateCompiler, TemplateError

ROOT = Path(__file__).parents[3]
ROW: dict[str, object] = {
    "subject": "Late parcel",
    "n": 5,
    "tags": ["a", "b"],
    "items": "the column",
    "keys": 1,
    "deep": {"values": "v", "x": None},
    "empty": "",
}


class Project:
    """The files that templates of a test include, and what they render to over some rows."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def read(self, path: str) -> tuple[str, str]:
        if path not in self.files:
            raise FileProblemError(f"`{path}` does not exist", hint="files here: " + ", ".join(self.files))
        return self.files[path], f"prompts/{path}"

    def compiler(self) -> TemplateCompiler:
        return TemplateCompiler(self.read, {"row": None, "spec": None})

    def compile(self, text: str) -> Compiled:
        return self.compiler().compile(TemplateText(text=text, origin=FileOrigin(path="t.j2", text=text)))

    def rows(self, text: str, *rows: dict[str, object]) -> list[object]:
        compiler = self.compiler()
        template = compiler.compile(TemplateText(text=text, origin=FileOrigin(path="t.j2", text=text)))
        names: dict[str, object] = {**compiler.globals, "spec": {"name": "triage"}}
        rendered = []
        for row in rows:
            names["row"] = row
            rendered.append(template.render(names))
        return rendered

    def render(self, text: str, row: dict[str, object] | None = None) -> object:
        return self.rows(text, ROW if row is None else row)[0]

    def refusal(self, text: str, row: dict[str, object] | None = None) -> TemplateError:
        with pytest.raises(TemplateError) as caught:
            self.render(text, row)
        return caught.value


def place(error: TemplateError) -> tuple[str, int, int]:
    assert error.origin is not None
    location = error.origin.place(error.line, error.name)[0]
    return _start(location)


def _start(location: Location) -> tuple[str, int, int]:
    assert location.span is not None
    return location.path, location.span.line, location.span.column


# Types and text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ row.n }}", 5),
        ("{{row['n']}}", 5),
        ("{{- row.tags -}}", ["a", "b"]),
        ("{{ row.deep }}", {"values": "v", "x": None}),
        ("{{ row.deep.x }}", None),
        ("{{ row.n > 3 }}", True),
        ("{{ row.n / 2 }}", 2.5),
        ("{{ row.n * 2 + 1 }}", 11),
        ("{{ row.tags | map('upper') | list }}", ["A", "B"]),
        ("{{ {'a': row.n, 'b': [none, true]} }}", {"a": 5, "b": [None, True]}),
        ("{{ '[1, {\"a\": 2}]' | fromjson }}", [1, {"a": 2}]),
        ("{{ row.subject }}", "Late parcel"),
    ],
)
def test_a_lone_expression_keeps_its_type(text: str, value: object) -> None:
    told = Project().render(text)
    assert told == value
    assert type(told) is type(value)
    assert Project().compile(text).native


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ row.n }} ", "5 "),
        (" {{ row.n }}", " 5"),
        ("{{ row.n }}{{ row.n }}", "55"),
        ("{{ row.n }}{# note #}", "5"),
        ("{% if row.n %}{{ row.n }}{% endif %}", "5"),
        ("n={{ row.n }} none={{ row.deep.x }} list={{ row.tags }}", "n=5 none=None list=['a', 'b']"),
        ("{% raw %}{{ row.n }}{% endraw %}", "{{ row.n }}"),
        ("{{ row.subject }}\r\n{{ row.subject }}\n", "Late parcel\nLate parcel\n"),
        ("{{ row.deep | tojson }}!", '{"values": "v", "x": null}!'),
        ("é{{ row.empty }}\u2028", "é\u2028"),
        ("{{ 'yes' if row.empty }}.", "."),
    ],
)
def test_everything_else_is_text(text: str, expected: str) -> None:
    assert Project().render(text) == expected
    assert not Project().compile(text).native


def test_a_column_comes_before_a_method_of_the_same_name() -> None:
    assert Project().render("{{ row.items }}") == "the column"
    assert Project().render("{{ row.deep.values }}") == "v"
    assert Project().render("{% if row.keys %}{{ row.items }}{% endif %}") == "the column"
    assert Project().render("{{ row.deep.keys() | join(',') }}") == "values,x"


def test_the_spec_and_the_row_are_all_the_names_there_are() -> None:
    assert Project().render("{{ spec.name }}: {{ row | length }}") == "triage: 7"


def test_text_that_a_row_brings_is_never_a_template_itself() -> None:
    assert Project().render("{{ row.x }}!", {"x": "{{ row.secret }}"}) == "{{ row.secret }}!"


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("{{ 1 + 1 }}", True),
        ("{{ spec.name }}", True),
        ("{% include 'plain' %}", True),
        ("{% set x = 1 %}{{ x }}", True),
        ("{{ row.n }}", False),
        ("{% if row %}a{% endif %}", False),
        ("{% include 'reads' %}", False),
        ("{% include 'outer' %}", False),
        ("{% import 'reads' as m %}a", False),
        ("{% include spec.name %}", False),
        ("{% include ['absent', 'reads'] %}", False),
    ],
)
def test_what_reads_nothing_of_the_row_is_known_to_be_constant(text: str, constant: bool) -> None:
    project = Project(plain="hi", reads="{{ row.n }}", outer="{% include 'reads' %}")
    assert project.compile(text).constant is constant


# Errors


@pytest.mark.parametrize(
    ("text", "line", "column", "summary", "hint"),
    [
        ("{{ row.subjet }}", 1, 8, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("a\n  b {{ row.subjet }}", 2, 12, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("{{ row['subjet'] }}", 1, 9, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("{{ row.deep.valeus }}", 1, 13, "`valeus` is not defined in this row", "did you mean `values`?"),
        ("{{ row.tags[7] }}", 1, 13, "`7` is not defined", None),
        ("{{ row.n.x }}", 1, 10, "`x` is not defined", None),
        ("{{ rwo.n }}", 1, 4, "`rwo` is not defined", "did you mean `row`?"),
        ("x\n{% if spek %}{% endif %}", 2, 7, "`spek` is not defined", "did you mean `spec`?"),
        ("{{ zebra }}", 1, 4, "`zebra` is not defined", "known here: `row`, `spec`"),
        ("{% for x in row.tag %}{% endfor %}", 1, 17, "`tag` is not defined in this row", "did you mean `tags`?"),
        ("{{ [row.subjet] }}", 1, 9, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("x {{ {'a': [row.subjet]} }}", 1, 17, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("{{ [row.subjet] | tojson }}", 1, 9, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("{{ [row.subjet] | string }}", 1, 9, "`subjet` is not defined in this row", "did you mean `subject`?"),
        ("{{ row.subjet ~ 'x' }}", 1, 8, "`subjet` is not defined in this row", "did you mean `subject`?"),
    ],
)
def test_an_undefined_name_is_placed_and_its_neighbour_named(
    text: str, line: int, column: int, summary: str, hint: str | None
) -> None:
    error = Project().refusal(text)
    assert (error.code, error.message, error.hint) == ("undefined-name", summary, hint)
    assert place(error) == ("t.j2", line, column)


def test_a_template_may_ask_whether_a_name_is_there() -> None:
    assert Project().render("{{ row.nope is defined }}") is False
    assert Project().render("{{ nope is undefined }}") is True
    assert Project().render("{{ row.nope | default('d') }}") == "d"
    assert Project().render("{{ nope | d('d') }}") == "d"
    assert Project().refusal("{{ row.nope == 1 }}").code == "undefined-name"
    assert Project().refusal("{% if row.nope %}{% endif %}").code == "undefined-name"


@pytest.mark.parametrize(
    ("text", "line", "column", "summary"),
    [
        ("{{ row.n", 1, 1, "unexpected end of template, expected 'end of print statement'"),
        ("a\n{% if row.n %}", 2, 1, "Unexpected end of template"),
        ("{{ row.n | uper }}", 1, 12, "No filter named 'uper'"),
        ("a\n{% fro x in y %}", 2, 4, "Encountered unknown tag 'fro'"),
        ("{% do 1 %}", 1, 4, "Encountered unknown tag 'do'"),
        ("{{ 1 is primal }}", 1, 9, "No test named 'primal'"),
        ("{{ [1] | random }}", 1, 10, "No filter named 'random'"),
    ],
)
def test_a_syntax_error_is_placed(text: str, line: int, column: int, summary: str) -> None:
    error = Project().refusal(text)
    assert error.code == "template-syntax"
    assert error.message.startswith(summary)
    assert error.hint
    assert place(error) == ("t.j2", line, column)


def test_a_misspelt_filter_gets_a_filter_that_there_is() -> None:
    assert Project().refusal("{{ row.n | uper }}").hint == "did you mean `upper`?"
    assert "random" not in (Project().refusal("{{ [1] | random }}").hint or "")


@pytest.mark.parametrize(
    ("text", "line", "summary"),
    [
        ("a\n\n{{ row.n // 0 }}", 3, "integer division or modulo by zero"),
        ("{{ row.n + row.subject }}", 1, "unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ row.subject() }}", 1, "'str' object is not callable"),
        ("{% for x in row.n %}{% endfor %}", 1, "'int' object is not iterable"),
        ("{{ none | length }}", 1, "object of type 'NoneType' has no len()"),
        ("{{ '%d' % row.subject }}", 1, "%d format: a real number is required, not str"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", 1, "maximum recursion depth exceeded"),
    ],
)
def test_whatever_else_fails_in_a_template_is_told_in_words_at_its_line(text: str, line: int, summary: str) -> None:
    error = Project().refusal(text)
    assert error.code == "template-failed"
    assert error.message.startswith(summary)
    assert error.line == line


def test_text_that_is_not_json_is_refused_with_its_reason() -> None:
    error = Project().refusal("{{ row.subject | fromjson }}")
    assert error.code == "template-refused"
    assert error.message.startswith("`fromjson` was given text that is not JSON")


# Includes


def test_included_files_see_the_row_and_what_the_includer_has_set() -> None:
    project = Project(greet="{{ who }} #{{ i }}: {{ row.n }}\n")
    text = "{% set who = 'you' %}{% for i in row.tags %}{% include 'greet' %};{% endfor %}"
    assert project.render(text) == "you #a: 5;you #b: 5;"


def test_the_newline_at_the_end_of_an_included_file_is_not_meant() -> None:
    assert Project(unix="a\n", dos="b\r\n", two="c\n\n").render(
        "{% include 'unix' %}|{% include 'dos' %}|{% include 'two' %}|{{ row.n }}"
    ) == "a|b|c\n|5"  # fmt: skip


@pytest.mark.parametrize(
    ("text", "file", "line", "column"),
    [
        ("a\n{% include 'absent' %}", "t.j2", 2, 13),
        ("{% extends 'absent' %}", "t.j2", 1, 13),
        ("a\n\n{% import 'absent' as m %}", "t.j2", 3, 12),
        ("{% include 'broken' %}", "prompts/broken", 2, 3),
        ("a\n{% include row.file %}", "t.j2", 2, 1),
    ],
)
def test_a_file_that_is_missing_is_told_where_it_is_asked_for(text: str, file: str, line: int, column: int) -> None:
    project = Project(broken="x\n  {% include 'gone' %}\n{% include 'absent' %}")
    error = project.refusal(text, {"file": "absent"})
    assert error.code == "include"
    assert error.message in {"`absent` does not exist", "`gone` does not exist"}
    assert error.hint == "files here: broken"
    path, at_line, at_column = place(error)
    assert (path, at_line) == (file, line)
    assert at_column == (column if file == "t.j2" else 15)


def test_an_include_may_do_without_its_file() -> None:
    assert Project().render("a{% include 'absent' ignore missing %}b") == "ab"
    project = Project(there="T")
    assert project.render("{% include ['absent', 'there'] %}") == "T"
    error = project.refusal("a\n{% include ['absent', 'gone'] %}")
    assert (error.code, error.line) == ("include", 2)
    assert error.message == "none of the templates given were found: absent, gone"


@pytest.mark.parametrize("text", ["{% include 'syntax' %}", "{% include row.file %}", "{% include 'outer' %}"])
def test_a_syntax_error_in_an_included_file_is_placed_there(text: str) -> None:
    project = Project(syntax="fine\n  {% if %}", outer="{% include 'syntax' %}")
    error = project.refusal(text, {"file": "syntax"})
    assert error.code == "template-syntax"
    assert place(error) == ("prompts/syntax", 2, 3)


def test_an_undefined_name_in_an_included_file_is_placed_there() -> None:
    error = Project(inner="fine\n{{ row.subjet }}").refusal("{% include 'inner' %}")
    assert (error.code, error.hint) == ("undefined-name", "did you mean `subject`?")
    assert place(error) == ("prompts/inner", 2, 8)


@pytest.mark.parametrize(
    ("files", "file"),
    [
        ({"a": "x\n{% include 'a' %}"}, "prompts/a"),
        ({"a": "{% include 'b' %}", "b": "x\n{% include 'a' %}"}, "prompts/b"),
    ],
)
def test_files_that_include_each_other_are_refused_and_not_followed_for_ever(files: dict[str, str], file: str) -> None:
    error = Project(**files).refusal("{% include 'a' %}")
    assert (error.code, error.message) == ("template-loop", "`a` includes itself")
    assert place(error) == (file, 2, 13)


def test_a_name_that_an_included_file_reads_may_be_set_by_the_includer() -> None:
    # `i` stands in the includer too, where it is given; that must not look like an undefined name.
    project = Project(part="{{ i }}")
    assert project.render("{% for i in row.tags %}{% include 'part' %}{% endfor %}") == "ab"


# No state between rows


@pytest.mark.parametrize(
    "text",
    [
        "{{ v is defined }}{% set v = row.n %}{{ v }}",
        "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ row.n }}",
        "{% import 'counter' as c %}{{ c.next() }}{{ c.next() }} {{ row.n }}",
        "{% from 'counter' import next %}{{ next() }}{{ next() }} {{ row.n }}",
        "{% import 'counter' as c with context %}{{ c.next() }}{{ c.next() }} {{ row.n }}",
        "{% include 'importing' %} {{ row.n }}",
        "{% extends 'page' %}{% block body %}{{ super() }}{{ row.n }}{% set v = 1 %}{% endblock %}",
        "{% macro m(x, y=[]) %}{{ x }}{{ y | length }}{{ caller() }}{% endmacro %}{% call m(row.n) %}!{% endcall %}",
        "{% for x in row.tags %}{{ loop.index }}{{ loop.changed(x) }}{% endfor %}{{ row.n }}",
        "{% autoescape true %}{{ '<' }}{{ row.n }}{% endautoescape %}{{ '<' }}",
        "{% include row.file %}",
    ],
)
def test_the_first_row_and_the_thousandth_are_rendered_alike(text: str) -> None:
    project = Project(
        counter="{% set ns = namespace(n=0) %}{% macro next() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endmacro %}",
        importing="{% import 'counter' as c %}{{ c.next() }}",
        page="<{% block body %}{{ v is defined }}{% endblock %}>",
    )
    row: dict[str, object] = {**ROW, "file": "page"}
    rendered = project.rows(text, *[row] * 999, row)
    assert set(map(str, rendered)) == {str(project.render(text, row))}


def test_a_row_that_fails_leaves_nothing_to_the_next() -> None:
    project = Project()
    compiler = project.compiler()
    text = "{% set v = row.v %}{{ v.x }}{% autoescape true %}{{ row.y // 1 }}{% endautoescape %}{{ '<' }}"
    template = compiler.compile(TemplateText(text=text, origin=FileOrigin(path="t", text=text)))
    names: dict[str, object] = {**compiler.globals, "spec": {}}
    good: dict[str, object] = {"v": {"x": 1}, "y": 2}
    for row in (good, {"v": {}, "y": 1}, {"v": {"x": 1}, "y": "no"}, {}):
        names["row"] = row
        if row is not good:
            with pytest.raises(TemplateError):
                template.render(names)
        names["row"] = good
        assert template.render(names) == "12<"


# The sandbox


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{ row.__class__ }}", "__class__"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "__class__"),
        ("{{ row['__class__'] }}", "__class__"),
        ("{{ row | attr('__class__') }}", "__class__"),
        ("{{ [row] | map(attribute='__class__') | list }}", "__class__"),
        ("{{ '{0.__class__}'.format(row) }}", "__class__"),
        ("{{ '{r.__class__.__mro__}'.format(r=row) }}", "__class__"),
        ("{{ '{a.__class__}'.format_map({'a': row}) }}", "__class__"),
        ("{{ ('{0.__class__}' | safe).format(row) }}", "__class__"),
        ("{{ row.get.__self__ }}", "__self__"),
        ("{{ range.__globals__ }}", "__globals__"),
        ("{{ self.__init__ }}", "__init__"),
        ("{{ namespace.__init__.__globals__ }}", "__init__"),
        ("{% macro m() %}{% endmacro %}{{ m._func }}", "_func"),
        ("{{ (row | items).gi_frame }}", "gi_frame"),
        ("{{ dict.mro() }}", "mro"),
        ("{{ row.update({'n': 1}) }}", "update"),
        ("{{ row.tags.append(1) }}", "append"),
        ("{{ row.tags.sort() }}", "sort"),
        ("{% set ns = namespace() %}{% set ns.x = row %}{{ ns.x.clear() }}", "clear"),
    ],
)
def test_nothing_beyond_values_is_within_reach(text: str, name: str) -> None:
    error = Project().refusal(text)
    assert (error.code, error.message) == ("template-refused", f"`{name}` is out of a template's reach")
    assert error.hint
    assert error.name == name


def test_a_row_cannot_be_changed_by_its_template() -> None:
    row: dict[str, object] = {"n": 1, "tags": [1]}
    for text in ("{% set row.n = 2 %}{{ row.n }}", "{{ row.setdefault('x', 1) }}", "{{ row.tags.insert(0, 2) }}"):
        Project().refusal(text, row)
    assert row == {"n": 1, "tags": [1]}


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("x {{ row.subject.upper }}", "is a `()` or a filter missing?"),
        ("{{ row.subject.upper }}", "is a `()` or a filter missing?"),
        ("x {{ [row.subject.upper] }}", "is a `()` or a filter missing?"),
        ("x {{ {row.subject.upper: 1} }}", "is a `()` or a filter missing?"),
        ("{{ row.subject.upper ~ '' }}", "is a `()` or a filter missing?"),
        ("{{ row.subject.upper | string }}", "is a `()` or a filter missing?"),
        ("{{ row.subject.upper | upper }}", "is a `()` or a filter missing?"),
        ("{{ [row.subject.upper] | join }}", "is a `()` or a filter missing?"),
        ("{{ [row.subject.upper] | pprint }}", "is a `()` or a filter missing?"),
        ("{{ [row.subject.upper] | map('string') | list }}", "is a `()` or a filter missing?"),
        ("{{ '%s' % row.subject.upper }}", "is a `()` or a filter missing?"),
        ("{{ '%s' | format(row.subject.upper) }}", "is a `()` or a filter missing?"),
        ("{{ '{}'.format(row.subject.upper) }}", "is a `()` or a filter missing?"),
        ("{{ range ~ '' }}", "is a `()` or a filter missing?"),
        ("{{ self }}", "is a `()` or a filter missing?"),
        ("{{ namespace(a=1) }}", "is a `()` or a filter missing?"),
        ("{% for x in row.tags %}{{ loop }}{% endfor %}", "a LoopContext is"),
        ("{{ row.subject.encode() }}", "is a `()` or a filter missing?"),
        ("x {{ row.tags | map('upper') }}", "add `| list`"),
        ("{{ row.tags | map('upper') }}", "add `| list`"),
        ("{{ row.tags | map('upper') | string }}", "add `| list`"),
        ("x {{ row.tags | reverse }}", "add `| list`"),
        ("x {{ row.deep.keys() }}", "add `| list`"),
        ("x {{ range(3) }}", "add `| list`"),
    ],
)
def test_what_would_print_an_address_is_refused_wherever_it_becomes_text(text: str, summary: str) -> None:
    error = Project().refusal(text)
    assert error.code == "template-refused"
    assert summary in error.message


def test_a_set_has_no_place_since_its_order_differs_from_run_to_run() -> None:
    error = Project().refusal("{{ (row.deep.keys() - ['x']) | list }}")
    assert (error.code, "a set has no order" in error.message) == ("template-refused", True)
    assert Project().render("{{ 5 - 3 }}") == 2


@pytest.mark.parametrize("name", ["lipsum()", "cycler(1)", "joiner()", "debug()", "_('x')", "now()", "environ"])
def test_nothing_random_or_remembering_is_there(name: str) -> None:
    assert Project().refusal(f"{{{{ {name} }}}}").code == "undefined-name"


def test_rendering_is_the_same_under_any_hash_seed() -> None:
    program = (
        "from batchspec.core.origin import FileOrigin, TemplateText\n"
        "from batchspec.core.template import TemplateCompiler\n"
        "text = '''{{ row | dictsort }}{{ row | tojson }}{{ row }}{{ row.keys() | list }}{{ row.w | unique | list }}"
        "{{ row.w | groupby(0) }}{{ dict(b=1, a=2) }}{{ row | xmlattr }}{{ row | urlencode }}{{ row | pprint }}'''\n"
        "compiler = TemplateCompiler(lambda path: ('', path), {'row': None})\n"
        "template = compiler.compile(TemplateText(text=text, origin=FileOrigin(path='t', text=text)))\n"
        "row = {name: [name] for name in ('w', 'é', 'b', 'a', 'z')} | {'w': ['ab', 'b', 'ab', 'a']}\n"
        "print(template.render({**compiler.globals, 'row': row}))\n"
    )
    told = set()
    for seed in ("1", "2", "3"):
        environ = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        run = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
        told.add(run.stdout)
    assert len(told) == 1
    assert "'ab', 'b', 'a'" in told.pop()


# Bounds

BOMBS = r"""
{{ 'a' * 10**9 }}
{{ 10**9 * 'a' }}
{{ ([0] * 10**8) | length }}
{{ 9 ** 100000000 }}
{{ 2 ** 4000 * 2 ** 4000 }}
{{ 'a'.center(10**10) }}
{{ 'a'.zfill(10**10) }}
{{ '\t'.expandtabs(10**10) }}
{{ '\t'.expandtabs(tabsize=10**10) }}
{{ (1).to_bytes(10**10, 'big') | length }}
{{ 'a' | center(10**10) }}
{{ 'a' | indent(10**10, true) }}
{{ ('a\n' * 1000000) | indent(1000) }}
{{ '%010000000000d' % 1 }}
{{ '%*d' % (10**10, 1) }}
{{ '%010000000000d' | format(1) }}
{{ '{:>10000000000}'.format('a') }}
{{ '{:>{w}}'.format('a', w=10**10) }}
{{ '{:>{}}'.format('a', '9999999999') }}
{{ '{a:>10000000000}'.format_map({'a': 1}) }}
{{ ('{0}' * 100000).format('a' * 1000000) }}
{{ ('%s' * 10000) % (('a' * 1000000,) * 10000) }}
{{ ('a' * 10000) | replace('a', 'b' * 1000000) }}
{{ ('a' * 10000).replace('a', 'b' * 1000000) }}
{{ ('a' * 10000).translate({97: 'b' * 1000000}) }}
{{ ('b' * 1000000).join(('a' * 10000) | list) }}
{{ (('a' * 1000000,) * 10000) | join }}
{{ ''.join((('a' * 1000000,) * 10000) | map('upper')) }}
{{ ('a' * 10000) | list | join('b' * 1000000) }}
{{ ('a ' * 10000) | wordwrap(1, wrapstring='b' * 1000000) }}
{{ ('a' * 1000000) | wordwrap(1) }}
{{ [1] | batch(10**9, 0) | list | length }}
{{ [1] | slice(10**9) | list | length }}
{{ 1 | round(10**9, 'ceil') }}
{{ {'a': [1]} | tojson(10**10) }}
{{ [[[1] * 1000] * 1000] * 1000 }}
x {{ [[[1] * 1000] * 1000] * 1000 }}
{{ ([[[1] * 1000] * 1000] * 1000) | tojson }}
{{ ([[[1] * 1000] * 1000] * 1000) | string }}
{{ ([[[1] * 1000] * 1000] * 1000) ~ '' }}
{{ ([[1] * 1000] * 1000) | sum(start=[]) }}
{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x=3) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}
{% set x = 'a' * 10000000 %}{% for i in range(1000) %}{{ x }}{% endfor %}
{% macro m() %}{% for i in range(1000) %}{{ 'a' * 10000000 }}{% endfor %}{% endmacro %}{{ m() | length }}
{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}
{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}
{% for a in 'x' * 1000000 %}{% for b in 'x' * 1000000 %}{% endfor %}{% endfor %}
{% for a in range(99999) %}{{ range(99999) | map('string') | list | length }}{% endfor %}
{% for a in range(99999) %}{% set x = ('a' * 10000000) | upper %}{% endfor %}
{% for a in range(99999) recursive %}{{ loop(range(99999)) }}{% endfor %}
{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}
{% for i in range(99999) %}{% for j in range(20) %}x{% endfor %}{% endfor %}
{% filter upper %}{% for i in range(1000) %}{{ 'a' * 10000000 }}{% endfor %}{% endfilter %}
{{ dict.fromkeys(range(99999), 'a' * 100000) | tojson | length }}
""".strip().split("\n")

_IN_A_SMALL_PROCESS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (800 * 2**20, 800 * 2**20))
from batchspec.core.origin import FileOrigin, TemplateText
from batchspec.core.template import TemplateCompiler, TemplateError
for text in sys.stdin.read().split("\\x00"):
    compiler = TemplateCompiler(lambda path: ("", path), {"row": None})
    try:
        template = compiler.compile(TemplateText(text=text, origin=FileOrigin(path="t", text=text)))
        template.render({**compiler.globals, "row": {}})
        print("rendered", text)
    except TemplateError as error:
        print(error.code, error.message, bool(error.hint), text)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process can be bounded on Linux alone")
def test_no_template_takes_the_machines_memory_or_all_of_its_time() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _IN_A_SMALL_PROCESS],
        input="\x00".join(BOMBS),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = run.stdout.splitlines()
    assert run.returncode == 0, run.stderr
    assert len(told) == len(BOMBS)
    assert [line for line in told if not line.startswith("template-refused") or " True " not in line] == []


def test_the_bounds_leave_ordinary_work_alone() -> None:
    project = Project()
    words: dict[str, object] = {"text": "lorem ipsum " * 20_000, "tags": [str(n) for n in range(20_000)]}
    assert len(str(project.render("{{ row.text | upper | replace('LOREM', 'DOLOR') | indent(4) }}.", words))) > 200_000
    assert len(str(project.render("{% for tag in row.tags %}{{ tag }}, {% endfor %}", words))) > 100_000
    assert len(str(project.render("{{ row.tags | join(', ') }}!", words))) > 100_000
    assert project.render("{{ 'Order 1234567: {} of {}'.format(row.a, row.b) }}", {"a": 1, "b": "x"}) == (
        "Order 1234567: 1 of x"
    )
    assert project.render("{{ '%(v)s: %(w)5.2f' | format(v=3, w=0.5) }}") == "3:  0.50"
    assert project.render("{{ '%-10s|' % 'a' }}") == "a         |"
    assert project.render("{{ 'a'.center(5) }}|") == "  a  |"
    assert project.render("{{ [1, 2.5] | sum }}") == 3.5
    assert project.render("{{ [{'n': 1}, {'n': 2}] | sum(attribute='n') }}") == 3
    assert project.render("{{ [{'n': 1}, {'n': 2}] | join('-', attribute='n') }}") == "1-2"
    assert project.render("{{ 2 ** 64 + 7 % 4 }}") == 2**64 + 3
    assert project.render(
        "{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}"
    ) == ("123")
    assert project.render("{% for x in row.tags | reverse %}{{ loop.last }}{{ loop.length }}{{ x }} {% endfor %}") == (
        "False2b True2a "
    )
    assert project.render("{% autoescape true %}{{ '<' ~ row.n ~ ('<b>' | safe) }}{% endautoescape %}") == "&lt;5<b>"


def test_each_row_has_the_whole_budget() -> None:
    text = "{% for a in range(99999) %}{% for b in [1, 2, 3] %}{% endfor %}{% endfor %}{{ row.n }}"
    assert Project().rows(text, *[ROW] * 8) == ["5"] * 8
