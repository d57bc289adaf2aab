"""A listener of Robot Framework: every file of cases gets brokers of its own that know nothing yet, started as `tribune serve --lab`, so that
what a failed case left behind cannot fail those of the next file. A file that names b1_url to b5_url gets as many as it names, on
ports 9090 to 9094; any other gets one. The script that runs the suite sets TRIBUNE (the binary) and CONFORMANCE_OUT."""

import os
import re
import select
import shutil
import subprocess
from pathlib import Path

ROBOT_LISTENER_API_VERSION = 3
FIRST_PORT = 9090
START_SECONDS = 20  # a loaded machine takes one; beyond this it does not start

OUT = Path(os.environ["CONFORMANCE_OUT"])
LAB = OUT / "lab"  # the brokers' directories; the script kills what PIDS names if this process cannot
PIDS = OUT / "brokers.pids"
running = []


def start_suite(data, result):
    if not data.tests:  # a folder
        return
    stop()
    named = re.findall(r"\$\{b([1-5])_url\}", data.source.read_text(encoding="utf-8"))
    try:
        start(max(map(int, named), default=1))
    except (OSError, RuntimeError) as e:
        stop()
        (OUT / "failed").write_text(f"{data.source.name}: {e}\n")
        os._exit(1)  # no case means anything without them


def close():
    stop()


def start(count):
    LAB.mkdir(parents=True)
    for port in range(FIRST_PORT, FIRST_PORT + count):
        with open(OUT / f"{port}.log", "ab") as log:
            broker = subprocess.Popen(
                [os.environ["TRIBUNE"], "serve", "--lab", "--dir", LAB / str(port), "--http", f"127.0.0.1:{port}",
                 "--context-map", OUT / "contexts.json", "--temporal-page", "30"], stdout=subprocess.PIPE, stderr=log)
        running.append((port, broker))
        PIDS.write_text(" ".join(str(b.pid) for _, b in running))
    for port, broker in running:
        ready, _, _ = select.select([broker.stdout], [], [], START_SECONDS)
        if not ready or not broker.stdout.readline():  # its address, once it answers
            raise RuntimeError(f"the broker on port {port} did not start: {(OUT / f'{port}.log').read_text()[-500:]}")


def stop():
    """Kills them: what they keep is wiped, so nothing is worth saving."""
    for _, broker in running:
        broker.kill()
    for _, broker in running:
        broker.wait()
        broker.stdout.close()
    running.clear()
    PIDS.unlink(missing_ok=True)
    shutil.rmtree(LAB, ignore_errors=True)
