"""Detectors are found by name without being imported, so that a broken one breaks only itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import forensics.detectors
from forensics.detector import LoadOptions, Scope, detector_module, detector_names
from forensics.errors import UsageFault
from weights.registry import DEFAULT


def test_listing_imports_none_of_the_detectors() -> None:
    code = (
        "import sys; from forensics.detector import detector_names; print(*detector_names());"
        "print([name for name in sys.modules if name.startswith('forensics.detectors.')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, imported = answer.stdout.splitlines()
    assert "repdfd" in names.split()
    assert imported == "[]"


def test_a_file_in_the_folder_is_a_detector_and_a_broken_one_breaks_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zz_broken.py").write_text("import a_package_that_is_nowhere\n")
    monkeypatch.setattr(forensics.detectors, "__path__", [*forensics.detectors.__path__, str(tmp_path)])
    assert detector_names()[-1] == "zz_broken"
    assert detector_module("repdfd").SCOPE is Scope.FACE
    with pytest.raises(ImportError, match="a_package_that_is_nowhere"):
        detector_module("zz_broken")


@pytest.mark.parametrize(
    ("name", "hint"), [("repfdf", "did you mean 'repdfd'?"), ("xyz", "choose from"), ("", "choose from")]
)
def test_an_unknown_name_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(UsageFault, match=repr(name)) as refused:
        detector_module(name)
    assert hint in str(refused.value)


@pytest.mark.parametrize("name", ["cli.main", "../errors", "__init__"])
def test_nothing_else_can_be_imported_by_a_detectors_name(name: str) -> None:
    with pytest.raises(UsageFault):
        detector_module(name)


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_says_what_it_is_and_needs_registered_weights(name: str) -> None:
    module = detector_module(name)
    assert module.SUMMARY
    assert "\n" not in module.SUMMARY
    assert module.SCOPE in Scope
    for weight in module.weights_needed(LoadOptions()):
        assert DEFAULT.get(weight).name == weight
