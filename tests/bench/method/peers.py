"""A run of a peer, in the peers' own environment: a job comes as JSON, its line goes to the file that is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.method import with_dspy, with_gepa
from tests.bench.method.jobs import Job, run

PEERS = {"gepa": with_gepa.search, "miprov2": with_dspy.search}


def main() -> None:
    job, where = sys.argv[1:]
    line = run(Job(**json.loads(job)), PEERS)
    Path(where).write_text(json.dumps(line))


if __name__ == "__main__":
    main()
