"""Build the example: python setup.py build_ext --inplace."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import blockstm

HEADERS = blockstm.include_directory()

setup(
    name="vote",
    ext_modules=cythonize(
        [Extension("vote", ["vote.pyx"], include_dirs=[HEADERS], extra_compile_args=["-std=c++20", "-O3"])],
        include_path=[HEADERS],
    ),
)
