"""The style and the script of the HTML report. Both stand in the page itself, which loads nothing from anywhere."""

STYLE = """\
:root {
  --ink: #1b1f24; --dim: #57606a; --line: #d0d7de; --paper: #fff; --card: #f6f8fa;
  --good: #1a7f37; --bad: #b42318; --wait: #7d4e00; --bar: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --dim: #9da7b3; --line: #30363d; --paper: #0d1117; --card: #161b22;
    --good: #56d364; --bad: #ff8a80; --wait: #e3b341; --bar: #79c0ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main, header { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 1.5rem 0 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 .25rem; }
h3 { font-size: 1rem; margin: .75rem 0 .25rem; }
article h3 { margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.dim { color: var(--dim); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .25rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9375rem; margin: .5rem 0; }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.tools { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin: 1rem 0; }
.tools[hidden] { display: none; }
label { display: grid; gap: .125rem; font-size: .875rem; }
input, select {
  font: inherit; padding: .375rem .5rem; color: inherit; background: var(--paper);
  border: 1px solid var(--dim); border-radius: .25rem; max-width: 100%;
}
:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
article {
  border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; padding: .75rem 1rem; background: var(--card);
}
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: .75rem 1.5rem; }
.answer { border-top: 2px solid var(--line); margin-top: .5rem; padding-top: .5rem; min-width: 0; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.wait { color: var(--wait); }
summary { cursor: pointer; width: fit-content; }
td.bar { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.bar svg { width: clamp(4rem, 25vw, 16rem); height: .75rem; vertical-align: baseline; margin-right: .375rem; }
rect { fill: var(--bar); }
"""

SCRIPT = """\
const rows = [...document.querySelectorAll("article")];
const [find, status, spec, count] = ["find", "status", "spec", "count"].map((id) => document.getElementById(id));

function isWanted(row) {
  const word = find.value.toLowerCase();
  return (!word || row.textContent.toLowerCase().includes(word))
    && (!status.value || row.dataset.status.split(" ").includes(status.value))
    && (!spec.value || row.dataset.spec === spec.value);
}

function show() {
  for (const row of rows) row.hidden = !isWanted(row);
  count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows shown`;
}

document.getElementById("tools").hidden = false;
for (const each of [find, status, spec]) each.addEventListener("input", show);
show();
"""
