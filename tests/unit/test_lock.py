"""What requirements.lock pins is what pyproject.toml asks for; `make lock` renews it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
EVM: dict[str, Any] = tomllib.loads((ROOT / "evm" / "pyproject.toml").read_text())
BUILT_HERE = {EVM["project"]["name"]}
"""What the checkout builds itself, and so does not pin."""
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@dataclass(frozen=True)
class Pin:
    """An entry of the lock."""

    name: str
    version: str
    marker: Marker | None
    hashes: int
    via: frozenset[str]

    def holds_for(self, python: str) -> bool:
        environment = {
            **default_environment(),
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": "linux",
        }
        return self.marker is None or self.marker.evaluate(environment)


def pins() -> Iterator[Pin]:
    for entry in re.split(r"\n(?=[a-z0-9])", LOCK.strip()):
        head, *rest = entry.split("\n")
        requirement = Requirement(head.removesuffix("\\").strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", head
        yield Pin(
            canonicalize_name(requirement.name),
            specifier.version,
            requirement.marker,
            sum(line.strip().startswith("--hash=sha256:") for line in rest),
            frozenset(re.findall(r"blockstm \(pyproject\.toml(?::[a-z]+)?\)", entry)),
        )


def asked_for() -> list[tuple[str, Requirement]]:
    """Everything that pyproject.toml asks for, and the lock's name of the place."""
    user = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        user += extra
    places = {"blockstm (pyproject.toml)": user}
    for group, requirements in PROJECT["dependency-groups"].items():
        places[f"blockstm (pyproject.toml:{group})"] = requirements
    asked = [(place, Requirement(text)) for place, texts in places.items() for text in texts]
    return [(place, requirement) for place, requirement in asked if requirement.name not in BUILT_HERE]


PINS = list(pins())


@pytest.mark.parametrize("python", PYTHONS)
def test_each_requirement_has_a_pin_that_it_allows(python: str) -> None:
    for place, requirement in asked_for():
        name = canonicalize_name(requirement.name)
        found = [pin for pin in PINS if pin.name == name and pin.holds_for(python)]
        assert len(found) == 1, f"{requirement} on Python {python}: {found}; run make lock"
        assert requirement.specifier.contains(found[0].version, prereleases=True), (
            f"{requirement}; run make lock"
        )
        assert place in found[0].via, f"{requirement} is new in {place}; run make lock"


def test_nothing_is_pinned_for_a_requirement_that_is_gone() -> None:
    asked = {(place, canonicalize_name(requirement.name)) for place, requirement in asked_for()}
    pinned = {(place, pin.name) for pin in PINS for place in pin.via}
    assert pinned == asked, "run make lock"


def test_each_pin_has_hashes_and_the_lock_names_no_index() -> None:
    assert len(PINS) > 50
    assert [pin for pin in PINS if pin.hashes == 0] == []
    assert re.findall(r"https?:|index-url|@ file", LOCK) == []


def test_the_build_group_is_what_building_requires() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]
    assert PROJECT["dependency-groups"]["evm"] == EVM["build-system"]["requires"]


def test_the_extra_asks_for_the_native_evm_of_this_checkout() -> None:
    project = EVM["project"]
    assert PROJECT["project"]["optional-dependencies"]["evm"] == [f"{project['name']}=={project['version']}"]
    crate = tomllib.loads((ROOT / "evm" / "Cargo.toml").read_text())
    assert crate["package"]["version"] == project["version"]
