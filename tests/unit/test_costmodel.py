"""Reading cost models strictly: what is wrong is named, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm.errors import CostModelError
from blockstm.simulate import default_model, model_text, read_model


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "costs.toml"
    file.write_text(model_text(default_model(), ["made up", "for a test"]))
    assert file.read_text().startswith("# made up\n# for a test\n")
    assert read_model(file) == default_model()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("read = ", "reed = "), "ns.'reed' is unknown; allowed are task, "),
        (("task = ", "# task = "), "ns.task is missing; allowed are numbers from 0"),
        (("task = ", "task = -"), "ns.task is -"),
        (("task = ", "task = nan # "), "ns.task is nan"),
        (("task = ", "task = true # "), "ns.task is True"),
        (("task = ", "task = 'x' # "), "ns.task is 'x'"),
        (("task = ", "task = 1e10 # "), "allowed are numbers from 0 to 1000000000 (ns)"),
        (("[ns]", "[ms]"), "'ms' is unknown"),
        (("[ns]", "x = 1\n[ns]"), "'x' is unknown"),
        (("[ns]", "[ns"), "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    file = tmp_path / "costs.toml"
    file.write_text(model_text(default_model()).replace(*change))
    with pytest.raises(CostModelError) as refusal:
        read_model(file)
    assert str(refusal.value).startswith(f"{file}: ")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(CostModelError, match="no such file"):
        read_model(tmp_path / "none.toml")
    with pytest.raises(CostModelError, match="directory"):
        read_model(tmp_path)
    file = tmp_path / "x.toml"
    for content, told in ((b"\xff", "UTF-8"), (b"#" * 70_000, "larger"), (b"", "missing")):
        file.write_bytes(content)
        with pytest.raises(CostModelError, match=told):
            read_model(file)
