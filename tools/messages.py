"""`make messages`: bring the German catalogue up to date with the code, and compile it.

New texts come without a translation; the test suite fails until they have one. Needs Debian's package
gettext.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "kuemmerer"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kuemmerer.settings")
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    django = [sys.executable, "-m", "django"]
    extract = [*django, "makemessages", "-l", "de", "--no-location", "--no-obsolete", "--ignore", "*/tests/*"]
    for command in (extract, [*django, "compilemessages", "-l", "de"]):
        done = subprocess.run(command, cwd=PACKAGE, env=env, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
