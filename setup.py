"""Build the compiled code: each blockstm/native/NAME.pyx becomes the extension module blockstm.native.NAME.

Everything else about the package stands in pyproject.toml.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

if sys.platform != "linux":
    sys.exit(
        f"blockstm runs on Linux only, and this is {sys.platform}; "
        "use a Linux machine, a virtual one or a container"
    )

NATIVE = Path("blockstm", "native")
# Built in the checkout only, where its tests are.
FOR_TESTS = {"blockstm.native._coretest"}
# The newest GCC whose warnings are known to be none. A newer one may warn about something new in the
# code that Cython generates; that must not keep anybody from installing the package.
NEWEST_KNOWN_GCC = 12


def warnings_are_errors() -> bool:
    """Tell whether to compile with -Werror: by BLOCKSTM_WERROR (0 or 1), else by the compiler's version."""
    wish = os.environ.get("BLOCKSTM_WERROR")
    if wish:
        return wish != "0"
    compiler = os.environ.get("CXX", "g++").split()
    try:
        answer = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    version = re.search(r"\) (\d+)\.", answer)
    is_gcc = "Free Software Foundation" in answer
    return is_gcc and version is not None and int(version[1]) <= NEWEST_KNOWN_GCC


COMPILE_ARGS = ["-std=c++20", "-O3", "-Wall", "-Wextra"]
# For `make sanitize`: what GCC's -fsanitize is to look for. All that it finds ends the process. Its checks make GCC
# warn of what is no fault, so warnings are none of this build's business. Python may have been compiled with
# -fwrapv, which would define what a signed overflow does, and so keep it from being found.
SANITIZERS = os.environ.get("BLOCKSTM_SANITIZE", "")


def compile_args() -> list[str]:
    if SANITIZERS:
        return [
            *COMPILE_ARGS,
            "-O1",
            "-g",
            "-w",
            "-fno-omit-frame-pointer",
            "-fno-wrapv",
            f"-fsanitize={SANITIZERS}",
            "-fno-sanitize-recover=all",
        ]
    return [*COMPILE_ARGS, *(["-Werror"] if warnings_are_errors() else [])]


def extensions() -> list[Extension]:
    """One for each blockstm/native/NAME.pyx; all depend on everything there, so that an edit rebuilds them."""
    parts = sorted(each for kind in ("pxd", "pxi", "h") for each in NATIVE.rglob(f"*.{kind}"))
    return [
        Extension(
            name=f"blockstm.native.{source.stem}",
            sources=[str(source)],
            depends=["setup.py", *map(str, parts)],
            include_dirs=["."],
            language="c++",
            extra_compile_args=compile_args(),
            extra_link_args=[f"-fsanitize={SANITIZERS}"] if SANITIZERS else [],
        )
        for source in sorted(NATIVE.glob("*.pyx"))
    ]


class BuildOutdatedExtensions(build_ext):
    """The usual build_ext, with a compiler for each core, which leaves alone what is up to date in place.

    The usual one compares with what is in its build directory, which is a new one for each editable install.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        if not self.inplace:
            self.extensions = [each for each in self.extensions if each.name not in FOR_TESTS]
        else:
            self.extensions = [
                extension
                for extension in self.extensions
                if newer_group(
                    [*extension.sources, *extension.depends], self.get_ext_fullpath(extension.name)
                )
            ]
        super().run()


setup(
    ext_modules=cythonize(
        extensions(),
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
        },
    ),
    cmdclass={"build_ext": BuildOutdatedExtensions},
)
