"""Prints what a run of the suite came to, by folder, and each case that failed with its first line of reason."""

import sys
from collections import Counter

from robot.api import ExecutionResult, ResultVisitor


class Cases(ResultVisitor):
    def __init__(self):
        self.passed, self.failed, self.why = Counter(), Counter(), []

    def visit_test(self, test):
        parts = str(test.source).split("NGSI-LD/")[-1].split("/")
        area = "/".join(parts[: 3 if parts[0] == "ContextInformation" else 2])
        (self.passed if test.passed else self.failed)[area] += 1
        if not test.passed:
            self.why.append(f"{test.name}: {(test.message.splitlines() or [''])[0][:200]}")


cases = Cases()
ExecutionResult(sys.argv[1]).visit(cases)
for line in cases.why:
    print("FAIL", line)
for area in sorted(cases.passed | cases.failed):
    print(f"{cases.passed[area]:5} of {cases.passed[area] + cases.failed[area]:4}  {area}")
passed, failed = sum(cases.passed.values()), sum(cases.failed.values())
print(f"{passed:5} of {passed + failed:4}  in all")
