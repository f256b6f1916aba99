"""Builds this package's wheel with nothing but the standard library, so that it installs where there is no network and no build tool."""

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
WHEEL = "Wheel-Version: 1.0\nGenerator: wheelwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(wheel_directory: str, config_settings: Mapping[str, str] | None = None, metadata_directory: str | None = None) -> str:
    """PEP 517: writes the wheel there and returns its file name."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    needs = "".join(f"Requires-Dist: {name}\n" for name in project["dependencies"])
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    )
    files = {path.relative_to(HERE).as_posix(): path.read_text("utf-8") for path in sorted(HERE.glob("crmsync_acme/*.py"))}
    info = f"{stem}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{needs}"
    files[f"{info}/WHEEL"] = WHEEL
    files[f"{info}/entry_points.txt"] = points
    files[f"{info}/RECORD"] = "".join(f"{name},{_digest(text)}\n" for name, text in files.items()) + f"{info}/RECORD,,\n"
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name


def _digest(text: str) -> str:
    data = text.encode("utf-8")
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
