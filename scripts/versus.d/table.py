"""The table of docs/performance.md from the rows of scripts/versus on standard input."""

import json
import sys

rows = {}
for line in sys.stdin:
    row = json.loads(line)
    rows.setdefault(row["bench"], {})[row["broker"]] = row
print("| row | Tribune per second | Scorpio per second | ratio | p50, p99 Tribune | p50, p99 Scorpio |\n|---|---|---|---|---|---|")
for bench, by in rows.items():
    t, s = (by[b] if b in by and by[b]["errors"] <= 0.001 * by[b]["ops"] else None for b in ("tribune", "scorpio"))  # no speed with wrong answers
    wait = lambda r: f"{r['p50_ms']:.1f}, {r.get('p99_ms', r.get('p95_ms', 0)):.1f} ms" if r else "-"
    rate = lambda r: f"{r['ops_per_s']:,.0f}" if r else "-"
    ratio = f"**{t['ops_per_s'] / s['ops_per_s']:.1f}**" if t and s and s["ops_per_s"] else "-"
    print(f"| {bench} | {rate(t)} | {rate(s)} | {ratio} | {wait(t)} | {wait(s)} |")
