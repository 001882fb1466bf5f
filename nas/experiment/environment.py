"""Where numbers come from: versions, commit, machine. Written beside every search."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FILE = "environment.json"
_PACKAGES = ("hourglass-nas", "torch", "optuna", "ray", "numpy", "moocore")


def environment() -> dict[str, Any]:
    """Versions, commit and machine, in the order to show."""
    found: dict[str, Any] = {"date": datetime.now(UTC).isoformat(timespec="seconds")}
    commit = _commit()
    if commit:
        found["commit"] = commit
    found["command"] = " ".join(Path(part).name if i == 0 else part for i, part in enumerate(sys.argv)).strip()
    found["python"] = platform.python_version()
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["system"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if processor := _processor():
        found["processor"] = processor
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def write_environment(directory: Path) -> None:
    """Write `environment.json` into a search's directory."""
    (directory / FILE).write_text(json.dumps(environment(), indent=2) + "\n", encoding="utf-8")


def read_environment(directory: Path) -> dict[str, Any]:
    """What `write_environment` wrote; empty where it is not there."""
    path = directory / FILE
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _processor() -> str:
    """The processor's model; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> str:
    """The commit of this checkout, with a + where files differ from it; empty where it is not a checkout."""
    here = Path(__file__).resolve().parent
    try:
        head = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip() if head.returncode == 0 else ""
