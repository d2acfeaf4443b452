"""The page of the documentation that says what was measured: `python -m benchmarks.page RESULTS.json …` writes it.

Several results are of several invocations on one machine, each of other parts; a figure that is in two is taken from
the later one on the command line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, printed

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "performance.md"
TEXT = """# Performance

What this package promises of speed and memory, and what was last measured. The page is written from the benchmark's
own output:

```console
make bench
python -m benchmarks.page
```

`make bench` needs PostgreSQL, and for the other rows MariaDB and Redis. It makes databases and queues of its own and
removes them. Its parts can be run one by one (`make bench ARGS="--only queries --json queries.json"`); the second
command then takes their files as arguments.

## What was measured

{table}

*Gate* must be met: `make bench` ends with 1 where one is missed. *Goal* is hoped for. The figure is the median round,
and beside it are the lowest and the highest.

Measured on {when}: {processors} cores ({processor}), {gib} GiB, {system}, Python {python}, {packages}; {servers}. The
stub, the sync and the databases share these cores, so a ratio says more than a number of rows a second.

## What the figures mean

- Everything is read from a stub that does nothing but serve pages of 20 invoices, built beforehand. There is no TLS and
  no PHP: a real Blesta takes much longer to answer than the stub does.
- **B** is what anybody would write on the first afternoon: one kept-open `requests.Session`, `update_or_create` for
  each row, one transaction for each page. It fills the same columns of the same table, checks nothing, keeps no
  history and notices no deletion. It stands in `benchmarks/baseline.py` and does not change.
- The *first* sync fills an empty table; the *second* finds everything as it was. History, validation and the checks of
  amounts are on, details (one `get` for each row) are off.
- Each measurement is a process of its own. A ratio compares two of one round, and rounds follow each other, so that a
  busy machine slows both sides.
- Queries are all statements of the whole run, its bookkeeping included, but for `BEGIN`, `COMMIT` and savepoints.
- A second run is quicker than the first because a row whose digest is the same is looked at and not written.

## What to expect of your Blesta

With some latency, what counts is how many requests are under way at once (`MAX_IN_FLIGHT`) and how long Blesta takes
for a page, not this package. Ten thousand invoices are 500 pages of 20. At 80 ms a page and 8 requests in flight, that
is five seconds, whatever is done with the rows.
"""


def page(reports: Sequence[Mapping[str, Any]]) -> str:
    """The whole page; the machine and the day are those of the last report."""
    figures: dict[str, Figure] = {}
    servers: dict[str, str] = {}
    for report in reports:
        servers |= report["servers"]
        for one in report["figures"]:
            known = {name: value for name, value in one.items() if name != "verdict"}
            figures[one["title"]] = Figure(**{**known, "spread": tuple(one["spread"])})
    machine = reports[-1]["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    told = ", ".join(f"{name} {number}" for name, number in servers.items())
    return TEXT.format(**{**machine, "packages": packages}, servers=told, table=printed(list(figures.values())))


def main(words: Sequence[str]) -> None:
    files = [Path(word) for word in words] or [Path(__file__).resolve().parent / "results.json"]
    PAGE.write_text(page([json.loads(file.read_text(encoding="utf-8")) for file in files]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
