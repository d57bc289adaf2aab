"""What a run of the suite came to: by folder, and each case that failed with its first line of reason. With --write it stands in
docs/conformance.md afterwards, in a part of its own for this commit of the suite, with the reasons of reasons.tsv beside the cases."""

import argparse
import fnmatch
import re
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from robot.api import ExecutionResult, ResultVisitor


class Cases(ResultVisitor):
    def __init__(self):
        self.passed, self.failed, self.why = Counter(), Counter(), []

    def visit_test(self, test):
        parts = str(test.source).split("NGSI-LD/")[-1].split("/")
        area = "/".join(parts[: 3 if parts[0] == "ContextInformation" else 2])
        (self.passed if test.passed else self.failed)[area] += 1
        if not test.passed:
            self.why.append((test.name, area, reason(test)))


def reason(test):
    """The first line of a failure that says something: "Setup failed:" alone does not."""
    lines = [line.strip() for line in test.message.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith("failed:"):
        return f"{lines[0]} {lines[1]}"[:200]
    return (lines or [""])[0][:200]


def read_reasons(path, commit):
    """Lines of case (its number, or a pattern of that or of its whole name, like 043_01_*), clause ("-": no answer makes the case pass), why;
    separated by tabs. # begins a comment; [commit] the lines for that commit of the suite alone."""
    out, part = [], commit
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            part = line.strip("[] ")
            continue
        if part != commit:
            continue
        fields = line.split("\t")
        if len(fields) != 3 or not all(f.strip() for f in fields):
            sys.exit(f"{path}:{number}: three fields separated by tabs: case, clause, why")
        out.append([f.strip() for f in fields])
    return out


def named(pattern, name):
    """Whether a pattern means a case. Some numbers stand for several cases, of which a pattern of whole names tells one."""
    return fnmatch.fnmatchcase(name.split()[0], pattern) or fnmatch.fnmatchcase(name, pattern)


def explained(reasons, name):
    for pattern, clause, why in reasons:
        if named(pattern, name):
            return clause, why
    return "", ""


def cell(text):
    """Text in a table: an @context is no mention, a bar no column."""
    return re.sub(r"[|\\`<>]", lambda m: "\\" + m.group(), " ".join(text.split()))


def markdown(cases, reasons, commit):
    passed, total = sum(cases.passed.values()), sum((cases.passed + cases.failed).values())
    lines = [
        f"## Commit {commit}: {passed:,} of {total:,} ({100 * passed / max(total, 1):.1f} %)", "",
        f"Run on {datetime.now(timezone.utc):%d %B %Y}.", "",
        "| folder | passed | of | |", "| --- | ---: | ---: | ---: |",
    ]
    for area in sorted(cases.passed | cases.failed):
        ok, n = cases.passed[area], cases.passed[area] + cases.failed[area]
        lines.append(f"| {area} | {ok} | {n} | {100 * ok / n:.0f} % |")
    lines.append("")
    if cases.why:
        hopeless = sum(explained(reasons, name)[0] == "-" for name, _, _ in cases.why)
        lines += [f"Of the {len(cases.why)} cases that failed, {hopeless} cannot come out right whatever a broker answers: where the clause is \"-\".", ""]
        lines += ["Every case that failed, what it saw, and why that is so:", "", "| case | what it saw | clause | why |", "| --- | --- | --- | --- |"]
        for name, _, saw in sorted(cases.why):
            clause, why = explained(reasons, name)
            lines.append(f"| {cell(name)} | {cell(saw)} | {cell(clause)} | {cell(why) or 'not explained yet'} |")
        lines.append("")
    return "\n".join(lines)


def write(path, part, commit):
    """Puts part in the place of the one for the same commit, or at the end."""
    text = path.read_text()
    begin, end = f"<!-- suite {commit} -->", f"<!-- end {commit} -->"
    block = f"{begin}\n{part}{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.S)
    if pattern.search(text):
        text = pattern.sub(lambda _: block, text)
    else:
        text = text.rstrip("\n") + "\n\n" + block
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("output")
    a.add_argument("--write", type=Path, help="docs/conformance.md")
    a.add_argument("--commit", default="unknown")
    a = a.parse_args()
    cases = Cases()
    ExecutionResult(a.output).visit(cases)
    reasons = read_reasons(Path(__file__).with_name("reasons.tsv"), a.commit)
    for name, _, saw in cases.why:
        print(f"FAIL {name}: {saw}" + (" (explained)" if explained(reasons, name)[0] else ""))
    for area in sorted(cases.passed | cases.failed):
        print(f"{cases.passed[area]:5} of {cases.passed[area] + cases.failed[area]:4}  {area}")
    passed, failed = sum(cases.passed.values()), sum(cases.failed.values())
    print(f"{passed:5} of {passed + failed:4}  in all")
    if a.write:
        write(a.write, markdown(cases, reasons, a.commit), a.commit)
        left = [p for p, _, _ in reasons if not any(named(p, n) for n, _, _ in cases.why)]
        if left:
            print("reasons for cases that do not fail (any more):", ", ".join(left), file=sys.stderr)


main()
