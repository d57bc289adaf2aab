"""Makes the tables of docs/reliability.md from the reports of `tribune drill NAME --json`."""

import argparse
import datetime
import json
import os
import platform
import re
import sys

BEGIN, END = "<!-- drill {} -->", "<!-- end {} -->"
LONG = 220  # characters of a cell


def machine():
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as f:
            model = next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {model}, load {os.getloadavg()[0]:.0f}"


def cell(text):
    text = " ".join(text.split())
    if len(text) > LONG:
        text = text[: LONG - 1].rsplit(" ", 1)[0] + " …"
    return text.replace("|", "\\|").replace("<", "&lt;")


def rows(report):
    for step in report["steps"]:
        if step.get("control"):
            continue
        mark = "held" if step["held"] else "**did not hold**"
        yield f"| {cell(step['tried'])} | {step.get('times', 1)} | {mark}: {cell(step['seen'])} |"


def section(report, commit, machine, day):
    name = report["drill"]
    controls = [s for s in report["steps"] if s.get("control")]
    verdict = "held" if report["held"] else "**did not hold**"
    if report.get("error"):
        verdict += f": {cell(report['error'])}"
    lines = [
        BEGIN.format(name),
        f"## {name}: {verdict}",
        "",
        f"`tribune drill {name}`, {day}, commit {commit}, {machine}: {report['seconds']:.0f} s; "
        f"{sum(s['held'] for s in controls)} of {len(controls)} controls as they should be.",
        "",
        "| fault | tried | result |",
        "| --- | ---: | --- |",
        *rows(report),
        END.format(name),
    ]
    return "\n".join(lines)


def put(text, name, new):
    old = re.compile(re.escape(BEGIN.format(name)) + ".*?" + re.escape(END.format(name)), re.S)
    if old.search(text):
        return old.sub(lambda _: new, text)
    return text.rstrip("\n") + "\n\n" + new + "\n"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--write")
    args.add_argument("--commit", required=True)
    args.add_argument("reports", nargs="+")
    args = args.parse_args()
    day = datetime.date.today().strftime("%-d %B %Y")
    here = machine()
    failed = False
    sections = []
    for path in args.reports:
        with open(path) as f:
            data = f.read().strip()
        if not data:
            print(f"drills: {path} is empty", file=sys.stderr)
            failed = True
            continue
        report = json.loads(data)
        failed = failed or not report["held"]
        sections.append((report["drill"], section(report, args.commit, here, day)))
    if args.write:
        with open(args.write) as f:
            text = f.read()
        for name, new in sections:
            text = put(text, name, new)
        with open(args.write, "w") as f:
            f.write(text)
    for _, new in sections:
        print(new, end="\n\n")
    sys.exit(failed)


main()
