"""Makes the table of docs/performance.md from the rows of scripts/versus-explain: python table.py rows.jsonl. Fails where results were not the same."""
import json
import sys


def time(s):
    return f"{s:.3g} s" if s >= 1 else f"{1000 * s:.3g} ms"


rows = [json.loads(line) for line in open(sys.argv[1])]
ours = {(r["stage"], r["name"]): r for r in rows if r["by"] == "tribune"}
print("| what | records | Tribune | Python | ratio | by |\n|---|---|---|---|---|---|")
bad = 0
for key, own in ours.items():
    others = [r for r in rows if r["by"] != "tribune" and (r["stage"], r["name"]) == key]
    for by in dict.fromkeys(r["by"] for r in others):
        best = min((r for r in others if r["by"] == by), key=lambda r: r["us_per_record"])
        ratio = best["us_per_record"] / own["us_per_record"]
        mark = "" if best["same"] else " (results differ)"
        bad += not best["same"]
        print(f"| {key[0]}: {key[1]}: {own['what']} | {own['records']:,} | {time(own['seconds'])} | {time(best['seconds'])} | **{ratio:.3g}**{mark} | {by}, {best['how']} |")
if bad:
    sys.exit(f"versus-explain: {bad} results are not the same")
