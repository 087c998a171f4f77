"""How fast a teacher is asked, beside doing it by hand, and what it survives: one command, ratios in one run.

`python bench/teacher.py [--json]` compares four ways of asking an endpoint of fixed latency for the same solutions:
a bare aiohttp loop, AsyncOpenAI with its default transport, AsyncOpenAI with its aiohttp transport (none of which keeps
anything), and a generation step of the product, which commits every reply before it is read and every draft.
`--memory` compares the peak for 2,000 and 100,000 prompts, `--faults` fails three requests in ten, `--kills` kills the
product with -9 twenty times. `--all` does everything.
"""

import argparse
import json
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIDES = ("aiohttp", "sdk", "sdk+aiohttp", "orchestrator")
POINTS = ((0.1, 64), (0.1, 256), (1.0, 256))
Row = dict[str, Any]


@contextmanager
def endpoint(*options: str) -> Iterator[str]:
    command = [sys.executable, str(HERE / "endpoint.py"), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def told(url: str, what: str) -> Any:
    with urllib.request.urlopen(url.removesuffix("/v1") + what) as answer:
        return json.loads(answer.read())


def side(name: str, url: str, rows: int, at_once: int, *more: str) -> list[str]:
    script = str(HERE / "teacher_side.py")
    return [sys.executable, script, name, url, "--rows", str(rows), "--at-once", str(at_once), *more]


def measured(name: str, latency: float, at_once: int, rows: int) -> Row:
    with endpoint("--latency", str(latency)) as url:
        began = time.monotonic()
        done = subprocess.run(side(name, url, rows, at_once), capture_output=True, text=True, check=True)
        whole = time.monotonic() - began
        counts, said = told(url, "/counts"), json.loads(done.stdout)
    assert counts["answered"] == rows, counts
    window = said["ended"] - counts["first"]
    wire = rows / window / (at_once / latency)
    return {"rows_per_s": rows / window, "wire": wire, "whole_s": whole} | {
        what: said[what] for what in ("cpu_s", "peak_mb", "peak_carrier_mb")
    }


def speed(rows: int, repeats: int) -> list[Row]:
    """Medians; every repeat goes through all sides, so that a slow moment of the machine is nobody's."""
    found = []
    for latency, at_once in POINTS:
        runs = {name: [] for name in SIDES}
        for _ in range(repeats):
            for name in SIDES:
                runs[name].append(measured(name, latency, at_once, rows))
        for name in SIDES:
            row = {what: statistics.median(run[what] for run in runs[name]) for what in runs[name][0]}
            pairs = zip(runs[name], runs["sdk+aiohttp"], strict=True)
            row["to_sdk+aiohttp"] = statistics.median(
                ours["rows_per_s"] / theirs["rows_per_s"] for ours, theirs in pairs
            )
            found.append({"side": name, "latency_s": latency, "at_once": at_once, "rows": rows, **row})
            show(found[-1], first=len(found) == 1)
    return found


def show(row: Row, *, first: bool) -> None:
    if first:
        print(
            "latency  at once    rows  side           rows/s   wire  to sdk+aiohttp  whole s   CPU s  peak MB",
            file=sys.stderr,
        )
    print(
        f"{row['latency_s']:>6.1f}s  {row['at_once']:>7}  {row['rows']:>6}  {row['side']:<12}  {row['rows_per_s']:>7.0f}  "
        f"{row['wire']:>5.2f}  {row['to_sdk+aiohttp']:>14.2f}  {row['whole_s']:>7.2f}  {row['cpu_s']:>6.2f}  "
        f"{row['peak_mb']:>7.0f}",
        file=sys.stderr,
    )


def memory() -> Row:
    few, many = (measured("orchestrator", 0.1, 256, rows) for rows in (2_000, 100_000))
    return {
        "peak_mb_2000": few["peak_mb"],
        "peak_mb_100000": many["peak_mb"],
        "ratio": many["peak_mb"] / few["peak_mb"],
        "carrier_ratio": many["peak_carrier_mb"] / few["peak_carrier_mb"],
        "rows_per_s_100000": many["rows_per_s"],
    }


def faults(rows: int) -> Row:
    """Three requests of ten fail: 429 with and without Retry-After, 500, reset, cut off, slow drip, HTML."""
    with endpoint("--latency", "0.1", "--fault-rate", "0.3") as url, tempfile.TemporaryDirectory() as home:
        began = time.monotonic()
        subprocess.run(side("orchestrator", url, rows, 64, "--home", home), capture_output=True, text=True, check=True)
        counts = told(url, "/counts")
        answered = len(stored(Path(home)))
        return {
            "rows": rows,
            "answered": answered,
            "unanswered": rows - answered,
            "requests_per_row": counts["requests"] / rows,
            "failed": counts["failed"],
            "repeats": counts["repeats"],
            "whole_s": time.monotonic() - began,
        }


def kills(rows: int, times: int) -> Row:
    """Killed with -9 at random moments, 256 calls on their way; then finished. Nothing stored may be asked for again."""
    chance, begun, again, lost = random.Random(0), 0, 0, 0
    with endpoint("--latency", "0.1") as url, tempfile.TemporaryDirectory() as folder:
        kept: dict[str, int] = {}
        for kill in range(times + 1):
            process = subprocess.Popen(
                side("orchestrator", url, rows, 256, "--home", folder), stdout=subprocess.DEVNULL
            )
            if kill < times:
                time.sleep(chance.uniform(1.0, 2.5))
                begun += process.poll() is None
                process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.5)  # until its carrier has ended too
            answers, now = told(url, "/answers"), stored(Path(folder))
            again += sum(answers[body] > times for body, times in kept.items())
            lost += len(kept.keys() - now)
            kept = {body: answers[body] for body in now}
        repeats = told(url, "/counts")["repeats"]
    return {
        "rows": rows,
        "stored": len(kept),
        "kills": begun,
        "stored_and_asked_again": again,
        "stored_and_lost": lost,
        "answered_but_not_arrived_per_kill": repeats / max(1, begun),
    }


def stored(home: Path) -> set[str]:
    """Digests of the bodies whose replies are stored."""
    from agents.asking import body
    from agents.endpoint import Endpoint

    address = Endpoint("http://127.0.0.1:1/v1", "bench")
    with sqlite3.connect(home / "store.sqlite") as store:
        requests = [json.loads(request) for (request,) in store.execute("select request from call")]
    return {blake2b(body(address, request), digest_size=12).hexdigest() for request in requests}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[2_000, 20_000], help="prompts of the comparison")
    parser.add_argument("--repeats", type=int, default=3, help="of the smallest comparison; the others run once")
    for part in ("memory", "faults", "kills", "all"):
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument(
        "--json", action="store_true", help="the table goes to standard error, the figures to standard output"
    )
    asked = parser.parse_args()
    found: dict[str, Any] = {"speed": []}
    for rows in asked.rows:
        found["speed"] += speed(rows, asked.repeats if rows == min(asked.rows) else 1)
    parts = {"memory": memory, "faults": lambda: faults(2_000), "kills": lambda: kills(30_000, 20)}
    for part, run in parts.items():
        if getattr(asked, part) or asked.all:
            found[part] = run()
            print(part, json.dumps(found[part]), file=sys.stderr)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
