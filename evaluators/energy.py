"""The energy that an evaluation draws, where the machine counts it; nothing is estimated.

- `cpu`: what the processors' packages and their memory drew (Intel and AMD count that, Linux shows it, often to root
  alone), times this process's share of the time that all cores worked meanwhile. So workers that run side by side divide
  it, and what the machine draws for just being on goes to whoever works.
- `gpu`: what the boards drew on which torch holds memory in this process (NVIDIA, through NVML: `pip install
  nvidia-ml-py`), times the share of a GPU that the worker was given.

Fans, disks, power supplies and processes that the evaluation starts are not in it.

Source: Linux, Documentation/power/powercap/powercap.rst; NVML, nvmlDeviceGetTotalEnergyConsumption.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

POWERCAP = Path("/sys/class/powercap")
STAT = Path("/proc/stat")

# The counters of a package begin again at 0 after a minute of the highest load at the earliest; most after many.
TICK_S = 30.0


@dataclass(frozen=True)
class Meter:
    """Measures one evaluation after the other.

    Args:
        gpu_share: of a GPU that this process may use; workers that share one divide its energy so.
        powercap, stat: where Linux shows the counters of energy and the time that cores worked.
        process_s: seconds that this process has worked.
        nvml: the library, initialised; None: there is none.
        boards: UUIDs of the GPUs in use.
    """

    gpu_share: float
    powercap: Path
    stat: Path
    process_s: Callable[[], float]
    nvml: Any
    boards: Callable[[], list[str]]

    @classmethod
    def of_machine(cls, gpu_share: float = 1.0) -> Meter:
        """The meter of this machine."""
        return cls(gpu_share, POWERCAP, STAT, time.process_time, _nvml(), boards_in_use)

    def start(self) -> Measurement:
        """Measure from now on."""
        return Measurement(self)


class Measurement:
    """The energy from its making on. A context manager, for it may hold a thread until its end."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._zones = _zones(meter.powercap)
        self._process_s, self._busy_s = meter.process_s(), _busy_s(meter.stat)
        self._boards = _millijoules(meter.nvml)
        self._over = threading.Event()
        if self._zones:
            threading.Thread(target=self._keep_up, daemon=True, name="energy").start()

    def __enter__(self) -> Measurement:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def joules(self) -> dict[str, float]:
        """Joules so far of `cpu` and `gpu`; what cannot be read is not in it."""
        found = {"cpu": self._of_packages(), "gpu": self._of_boards()}
        return {name: value for name, value in found.items() if value is not None}

    def _of_packages(self) -> float | None:
        drawn, busy_s = _drawn(self._zones), _busy_s(self._meter.stat)
        if drawn is None or busy_s is None or self._busy_s is None:
            return None
        own = self._meter.process_s() - self._process_s
        # The machine's clock ticks in hundredths of a second, the process's is finer.
        return drawn * own / max(own, busy_s - self._busy_s) if own > 0 else 0.0

    def _of_boards(self) -> float | None:
        used, now = self._meter.boards(), _millijoules(self._meter.nvml)
        if not used or any(board not in self._boards or board not in now for board in used):
            return None
        return sum(now[board] - self._boards[board] for board in used) / 1000 * self._meter.gpu_share

    def _keep_up(self) -> None:
        """Read the counters before any of them can come round twice."""
        while not self._over.wait(TICK_S):
            _drawn(self._zones)


class Zone:
    """A counter of microjoules that goes up to `top` and begins again at 0.

    Raises: OSError, ValueError: it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._top = int((folder / "max_energy_range_uj").read_text())
        self._last = int(self._file.read_text())
        self._sum = 0
        self._lock = threading.Lock()

    def drawn(self) -> float:
        """Joules since its making, if it was read at least once every time it came round."""
        with self._lock:
            now = int(self._file.read_text())
            self._sum += now - self._last + (self._top if now < self._last else 0)
            self._last = now
            return self._sum / 1e6


def _zones(powercap: Path) -> list[Zone]:
    """The packages and their memory. None of them unless all can be read: a part would pass for the whole."""
    try:
        folders = sorted(folder for folder in powercap.glob("intel-rapl:*") if _counts((folder / "name").read_text()))
        return [Zone(folder) for folder in folders]
    except (OSError, ValueError):
        return []


def _counts(name: str) -> bool:
    """Whether a zone is no part of another one: `core` and `uncore` are in their package, all of them in `psys`."""
    return name.startswith("package") or name.strip() == "dram"


def _drawn(zones: Sequence[Zone]) -> float | None:
    """Joules of all zones; None: there is none, or one cannot be read any more."""
    try:
        return sum(zone.drawn() for zone in zones) if zones else None
    except (OSError, ValueError):
        return None


def _busy_s(stat: Path) -> float | None:
    """Seconds that the cores of the machine have worked, all together; None: nobody says."""
    try:
        user, nice, system, _, _, irq, softirq = map(int, stat.read_text().splitlines()[0].split()[1:8])
    except (OSError, ValueError, IndexError):
        return None
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _nvml() -> Any:
    """NVIDIA's library, initialised; None: it is not installed, finds no driver, or this process may use no GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nvml: Any = importlib.import_module("pynvml")
            nvml.nvmlInit()
    except Exception:  # the library's own errors are no common kind; without it there is nothing to measure
        return None
    return nvml


def _millijoules(nvml: Any) -> dict[str, int]:
    """UUID → what the board has drawn since its driver was loaded, of those that count."""
    found: dict[str, int] = {}
    if nvml is None:
        return found
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return found
    for handle in handles:
        try:
            found[_uuid(nvml.nvmlDeviceGetUUID(handle))] = nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except nvml.NVMLError:  # boards before Volta do not count
            continue
    return found


def boards_in_use() -> list[str]:
    """UUIDs of the GPUs on which torch has held memory in this process."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    used = [i for i in range(torch.cuda.device_count()) if torch.cuda.max_memory_reserved(i)]
    return [_uuid(str(getattr(torch.cuda.get_device_properties(i), "uuid", ""))) for i in used]


def _uuid(text: str | bytes) -> str:
    """A board's name as torch writes it; NVML puts `GPU-` before it, as bytes in its old versions."""
    return (text.decode() if isinstance(text, bytes) else text).removeprefix("GPU-")
