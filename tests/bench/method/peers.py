"""A run of a peer, in the peers' own environment: a job comes as JSON, its line goes to the file that is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.method import with_bootstrap, with_gepa, with_knn, with_miprov2
from tests.bench.method.jobs import Job, Search, run

SEARCHES: dict[str, Search] = {
    "gepa": with_gepa.search,
    "gepa-reasoning": with_gepa.search_reasoning,
    "miprov2": with_miprov2.search,
    "cot-bootstrap": with_bootstrap.search,
    "knn-few-shot": with_knn.search,
}


def main() -> None:
    job, where = sys.argv[1:]
    line = run(Job(**json.loads(job)), SEARCHES)
    Path(where).write_text(json.dumps(line))


if __name__ == "__main__":
    main()
