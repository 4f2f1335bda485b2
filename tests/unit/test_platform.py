"""On other systems than Linux there is one clear error, before anything is compiled that only Linux has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_importing_says_that_it_is_for_linux(platform: str) -> None:
    done = run(
        f"import sys; sys.platform = {platform!r}\n"
        "try:\n    import blockstm._core\n"
        "except ImportError as error:\n    print(type(error).__name__, error)\n"
    )
    assert done.stdout.startswith("UnsupportedPlatformError blockstm runs on Linux only")
    assert f"this is {platform};" in done.stdout


def test_installing_says_so_before_it_compiles(tmp_path: Path) -> None:
    done = run(
        "import sys, runpy, Cython.Build, setuptools.command.build_ext, setuptools.command.build_py\n"
        "import setuptools.modified\n"
        f"sys.platform, sys.argv = 'darwin', ['setup.py', 'build', '--build-base', {str(tmp_path)!r}]\n"
        "runpy.run_path('setup.py')\n"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("blockstm runs on Linux only, and this is darwin; use a Linux machine")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
