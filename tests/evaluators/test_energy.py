"""What the meter says, with a folder in the place of Linux's counters and a pretended NVML."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine_cases import MemoryStudy, Parabola

from evaluators import energy
from evaluators.energy import Meter
from evaluators.engines import Inline
from evaluators.engines.engine import Step
from evaluators.engines.worker import Worker
from nas.study.candidate import Job, Outcome, Report

TOP = 262_143_328_850
TICKS = os.sysconf("SC_CLK_TCK")


class Machine:
    """Two packages with cores and memory, as Linux shows them; one of its boards is in use."""

    def __init__(self, folder: Path) -> None:
        self.powercap, self.stat = folder / "powercap", folder / "stat"
        self.process_s = 0.0
        self.boards: list[str] = []
        self.zones = {
            "intel-rapl:0": "package-0",
            "intel-rapl:0:0": "core",
            "intel-rapl:0:1": "dram",
            "intel-rapl:1": "package-1",
            "intel-rapl:2": "psys",
            "intel-rapl-mmio:0": "package-0",
        }
        for zone, name in self.zones.items():
            (self.powercap / zone).mkdir(parents=True)
            (self.powercap / zone / "name").write_text(f"{name}\n")
            (self.powercap / zone / "max_energy_range_uj").write_text(f"{TOP}\n")
            self.shows(zone, 1_000_000)
        self.worked(100.0)

    def shows(self, zone: str, microjoules: int) -> None:
        (self.powercap / zone / "energy_uj").write_text(f"{microjoules}\n")

    def worked(self, seconds: float) -> None:
        """All cores together, since it was switched on, a tenth of them for the kernel; and guests, counted twice."""
        mine, kernel = round(seconds * 0.9 * TICKS), round(seconds * 0.1 * TICKS)
        self.stat.write_text(f"cpu  {mine} 0 {kernel} 987654 4321 0 0 55 {mine} 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n")

    def meter(self, nvml: Any = None, share: float = 1.0) -> Meter:
        return Meter(share, self.powercap, self.stat, lambda: self.process_s, nvml, lambda: self.boards)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_and_memory_by_the_share_of_the_work(machine: Machine) -> None:
    measurement = machine.meter().start()
    machine.shows("intel-rapl:0", 41_000_000)  # 40 J
    machine.shows("intel-rapl:0:1", 11_000_000)  # 10 J
    machine.shows("intel-rapl:1", 51_000_000)  # 50 J
    for other in ("intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"):
        machine.shows(other, 900_000_000)
    machine.worked(108.0)
    machine.process_s = 2.0
    assert measurement.joules() == {"cpu": pytest.approx(100 * 2 / 8)}


def test_never_more_than_all_of_it(machine: Machine) -> None:
    """The machine's clock is coarser than the process's."""
    measurement = machine.meter().start()
    machine.shows("intel-rapl:1", 3_000_000)
    machine.process_s = 0.004
    assert measurement.joules() == {"cpu": 2.0}


def test_who_does_nothing_draws_nothing(machine: Machine) -> None:
    measurement = machine.meter().start()
    machine.shows("intel-rapl:1", 3_000_000)
    assert measurement.joules() == {"cpu": 0.0}


def test_a_counter_begins_again_several_times(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.shows("intel-rapl:0", TOP - 5_000_000)
    measurement = machine.meter().start()
    machine.process_s = 1.0
    machine.shows("intel-rapl:0", 3_000_000)
    assert measurement.joules() == {"cpu": pytest.approx(8.0)}
    machine.shows("intel-rapl:0", TOP - 1_000_000)
    assert measurement.joules() == {"cpu": pytest.approx(4.0 + TOP / 1e6)}
    machine.shows("intel-rapl:0", 1_000_000)
    assert measurement.joules() == {"cpu": pytest.approx(6.0 + TOP / 1e6)}


def test_counters_are_read_meanwhile(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long evaluation without a report sees each turn of a counter all the same."""
    monkeypatch.setattr(energy, "TICK_S", 0.01)
    machine.process_s = 1.0
    with machine.meter().start() as measurement:
        zone = measurement._zones[0]
        for shown in (TOP - 2_000_000, 2_000_000, TOP - 3_000_000, 3_000_000):
            machine.shows("intel-rapl:0", shown)
            _until(lambda shown=shown: zone._last == shown)
        machine.process_s = 2.0
        assert measurement.joules() == {"cpu": pytest.approx((2 * TOP + 2_000_000) / 1e6)}
        turning = measurement._over
    assert turning.is_set()


def _until(true: Any) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_what_may_not_be_read_is_not_measured(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """On most machines the counters belong to root; whoever runs this may be root, so the refusal is pretended."""
    read = Path.read_text

    def refuse(self: Path, *given: Any, **named: Any) -> str:
        if self.name == "energy_uj" and self.parent.name == "intel-rapl:1":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *given, **named)

    measuring = machine.meter().start()
    monkeypatch.setattr(Path, "read_text", refuse)
    machine.process_s = 1.0
    assert machine.meter().start().joules() == {}, "one of two packages would pass for both"
    assert measuring.joules() == {}, "it went away meanwhile"


@pytest.mark.parametrize("missing", ["powercap", "stat"])
def test_a_machine_that_counts_nothing(machine: Machine, missing: str, tmp_path: Path) -> None:
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    measurement = machine.meter().start()
    machine.process_s = 1.0
    assert measurement.joules() == {}


class Nvml:
    """Two boards; `old` ones do not count."""

    class NVMLError(Exception):
        pass

    def __init__(self, old: tuple[int, ...] = (), driver: bool = True) -> None:
        self.shown = [5_000, 7_000]
        self.old, self.driver = old, driver

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError("driver not loaded")

    def nvmlDeviceGetCount(self) -> int:
        if not self.driver:
            raise self.NVMLError("driver not loaded")
        return 2

    def nvmlDeviceGetHandleByIndex(self, i: int) -> int:
        return i

    def nvmlDeviceGetUUID(self, handle: int) -> str | bytes:
        return ["GPU-aaaa", b"GPU-bbbb"][handle]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        if handle in self.old:
            raise self.NVMLError("not supported")
        return self.shown[handle]


def test_boards_in_use_by_the_share_of_them(tmp_path: Path) -> None:
    machine, nvml = Machine(tmp_path), Nvml()
    (tmp_path / "stat").unlink()
    measurement = machine.meter(nvml, share=0.25).start()
    nvml.shown = [9_000, 407_000]
    assert measurement.joules() == {}, "no board is in use"
    machine.boards = ["bbbb"]
    assert measurement.joules() == {"gpu": 100.0}
    machine.boards = ["aaaa", "bbbb"]
    assert measurement.joules() == {"gpu": 101.0}


@pytest.mark.parametrize("nvml", [None, Nvml(old=(0,)), Nvml(driver=False)], ids=["no NVML", "old board", "no driver"])
def test_a_board_in_use_that_does_not_count(machine: Machine, nvml: Any) -> None:
    machine.boards = ["aaaa"]
    assert "gpu" not in machine.meter(nvml).start().joules()


def test_the_library_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    nvml = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert Meter.of_machine().nvml is nvml
    monkeypatch.setitem(sys.modules, "pynvml", Nvml(driver=False))
    assert Meter.of_machine().nvml is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Meter.of_machine().nvml is None
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert Meter.of_machine().nvml is None, "this process is to see no GPU"


def test_boards_that_torch_holds_memory_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert energy.boards_in_use() == [] or torch.cuda.is_initialized()
    names = [SimpleNamespace(uuid="aaaa"), SimpleNamespace(uuid="bbbb"), SimpleNamespace()]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda i: [0, 512, 512][i])
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: names[i])
    assert energy.boards_in_use() == ["bbbb", ""]


class Works:
    """Each candidate has the machine draw 2 J for every rung, of which this process did half."""

    def __init__(self, machine: Machine, fails: bool = False, says: dict[str, Any] | None = None) -> None:
        self.machine, self.fails, self.says = machine, fails, says or {}
        self.drawn, self.worked = 1_000_000, 100.0

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        for rung in job.rungs:
            self.drawn, self.worked = self.drawn + 2_000_000, self.worked + 2.0
            self.machine.process_s += 1.0
            self.machine.shows("intel-rapl:0", self.drawn)
            self.machine.worked(self.worked)
            yield Report(rung, {"value": 1.0})
        if self.fails:
            raise ValueError("of the user's own")
        return Outcome("complete", {"value": 1.0}, joules=self.says)


def told(machine: Machine, evaluator: Works) -> list[Outcome]:
    step = Step(evaluator, machine.meter())
    study = MemoryStudy(2)
    message, found = step.start([study.job(number) for number in range(2)]), []
    while len(found) < 2:
        if isinstance(message[1], Outcome):
            found.append(message[1])
        message = step.advance(True) if len(found) < 2 else message
    return found


@pytest.mark.parametrize("fails", [False, True])
def test_each_candidate_has_its_own(machine: Machine, fails: bool) -> None:
    for outcome in told(machine, Works(machine, fails)):
        assert outcome.state == ("crashed" if fails else "complete")
        assert outcome.joules == {"cpu": pytest.approx(3.0)}
        assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_an_evaluator_measured_itself_goes_before(machine: Machine) -> None:
    assert [one.joules for one in told(machine, Works(machine, says={"board": 7}))] == [{"board": 7.0}] * 2
    wrong = told(machine, Works(machine, says={"cpu": "much"}))[0]
    assert wrong.state == "crashed"
    assert wrong.message.startswith("ValueError: could not convert string to float: 'much'")


def test_records_from_before_say_nothing_of_energy() -> None:
    before = {key: value for key, value in Outcome("complete", {"a": 1.0}).to_json().items() if key != "joules"}
    assert Outcome.from_json(before) == Outcome("complete", {"a": 1.0})


def test_a_worker_with_a_share_of_a_gpu_counts_that_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.worker.limit_gpu", lambda share: None)
    found = {gpus: Worker(Parabola(), gpus, None).step.meter.gpu_share for gpus in (0.0, 0.25, 1.0, 2.0)}
    assert found == {0.0: 1.0, 0.25: 0.25, 1.0: 1.0, 2.0: 1.0}


def test_this_machine() -> None:
    """Whatever it is, a search works, and what it says is no nonsense."""
    study = MemoryStudy(2)
    Inline().run(study, Parabola())
    for outcome in study.told.values():
        assert set(outcome.joules) <= {"cpu", "gpu"}
        assert all(0 <= joules < 1e6 for joules in outcome.joules.values())
