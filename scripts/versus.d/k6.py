"""One row of scripts/versus from the summary of a k6 run: BROKER SCENARIO SUMMARY."""

import json
import sys

broker, scenario, path = sys.argv[1:]
try:
    metrics = json.load(open(path))["metrics"]
except (OSError, ValueError, KeyError) as error:
    sys.exit(f"k6 {scenario} at {broker}: no summary: {error}")
requests, wait = metrics["http_reqs"], metrics["http_req_duration"]
wrong = metrics.get("checks", {}).get("fails", 0)
if wrong > requests["count"] / 100:
    sys.exit(f"k6 {scenario} at {broker}: no speed: {wrong} of {requests['count']} answers were wrong")
print(json.dumps({"broker": broker, "bench": "k6 " + scenario, "unit": "requests", "ops_per_s": round(requests["rate"], 1), "p50_ms": round(wait["med"], 2),
                  "p95_ms": round(wait["p(95)"], 2), "ops": requests["count"], "errors": wrong}))
