# SPDX-License-Identifier: Apache-2.0
"""Other people's programs from npm, fetched once and kept outside the repository."""
import fcntl
import os
import pathlib
import shutil
import subprocess

import pytest

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "pigtail-tests"


def packages(folder, *wanted):
    """The folder of that name with these packages (name@version) in it; the test is skipped where npm is not there or cannot
    fetch them. Packages run nothing while they are installed."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no Node.js")
    place = CACHE / folder
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((place / "node_modules" / p.rsplit("@", 1)[0]).is_dir() for p in wanted):
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", place, *wanted],
                                  capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.skip("npm cannot install: " + done.stderr.strip().splitlines()[-1])
    return place
