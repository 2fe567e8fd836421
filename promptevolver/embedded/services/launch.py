"""`launch.py FILE PROGRAM ARGUMENTS…` becomes PROGRAM, with the environment stored in FILE."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.execvpe(sys.argv[2], sys.argv[2:], json.loads(Path(sys.argv[1]).read_text()))  # noqa: S606
