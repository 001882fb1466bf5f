"""A study's directory: what it holds, that it is one study's only, and that one process at a time drives it.

study.json        settings, written once (only `trials` may change later)
space.yaml        the space as it was read, and beside it the Python files that define its operators
experiment.yaml   the experiment as it was read, where there was a file
journal.log       the durable record, unless the settings name another storage
search.log        what the search had to say beside its record, if anything
lineage.json      which results came from an earlier study, where any did
lock              held by the driver, with its process id
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nas.errors import StudyError

FORMAT = 1
JOURNAL = "journal.log"


@dataclass(frozen=True)
class Settings:
    """What makes a study this one. Texts and plain values, as the user gave them, defaults filled in."""

    name: str
    task: str
    metrics: tuple[str, ...]
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    sampler: dict[str, Any]
    stopping: dict[str, Any]
    budget: dict[str, int | float]
    recipe: dict[str, Any]
    seed: int
    trials: int | None
    space: str
    space_digest: str
    storage: str = JOURNAL
    operators: dict[str, str] = field(default_factory=dict)  # file of operators → digest of its text
    task_options: dict[str, Any] = field(default_factory=dict)
    lineage: str = ""  # the directory whose results were carried over
    latency: dict[str, Any] = field(default_factory=dict)  # a `nas.study.latency.Protocol`; empty: nobody measures it

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **{key: _listed(value) for key, value in asdict(self).items()}}

    @property
    def shared(self) -> bool:
        """Whether several drivers may work on the study: its record is in a database."""
        return "://" in self.storage

    def agreed(self) -> dict[str, Any]:
        """What all drivers of one study agree on; what each has for itself is left out."""
        own = ("trials", "storage", "lineage")
        return {**{key: value for key, value in self.to_json().items() if key not in own}, "trials": None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        names = {one.name for one in fields(cls)}
        lists = ("metrics", "objectives", "constraints")
        taken: dict[str, Any] = {key: data[key] for key in data if key in names}
        return cls(**{**taken, **{key: tuple(taken[key]) for key in lists if key in taken}})

    def differences(self, other: Settings) -> list[str]:
        """One line for each setting that differs, but for `trials`, which may be raised at any time."""
        lines = []
        for one in fields(self):
            mine, its = getattr(self, one.name), getattr(other, one.name)
            if mine != its and one.name != "trials":
                lines.append(f"{one.name}: {_shown(mine)} there, {_shown(its)} here")
        return lines


class Lock:
    """Keeps a second driver out of a directory; given back by `release`, and by the system when the process dies."""

    def __init__(self, directory: Path) -> None:
        """Raises: StudyError: another process drives the study, or the directory cannot be written."""
        path = directory / "lock"
        try:
            self._file = path.open("a+")
        except OSError as error:
            raise unwritable(directory, error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            driver = self._file.read().strip() or "unknown"
            self._file.close()
            raise StudyError(
                f"{directory} is being driven by another process (id {driver}); wait for it, or stop it and resume"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let the next driver in."""
        self._file.close()


def begin(directory: Path, settings: Settings, snapshots: Mapping[str, str]) -> Lock:
    """Make the directory of a new study and take its lock.

    Args:
        snapshots: file name → text.
    Raises: StudyError: it cannot be written, or holds a study already; says what differs.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from None
    lock = Lock(directory)
    try:
        if (directory / "study.json").exists():
            differing = read_settings(directory).differences(settings)
            if not differing:
                raise StudyError(
                    f"{directory} already holds this search; go on with it (`nas resume {directory}`), start over "
                    "(--fresh, in Python fresh=True), or choose another directory"
                )
            raise StudyError(
                f"{directory} holds another study; choose another directory, or throw that one away (`--fresh`). What differs:\n  "
                + "\n  ".join(differing)
            )
        if settings.storage == JOURNAL and (directory / JOURNAL).exists():
            raise StudyError(
                f"{directory} has a {JOURNAL} but no study.json; it is no study of ours. Choose another directory"
            )
        for name, text in snapshots.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            _write(directory / name, text)
        write_settings(directory, settings)
    except BaseException:
        lock.release()
        raise
    return lock


def undo(directory: Path, settings: Settings) -> None:
    """Take back `begin` where the record could not be made, so that the directory holds no study."""
    (directory / "study.json").unlink(missing_ok=True)
    if settings.storage == JOURNAL:
        (directory / JOURNAL).unlink(missing_ok=True)


def read_settings(directory: str | Path) -> Settings:
    """The settings of the study in `directory`.

    Raises: StudyError: there is none, or it cannot be understood.
    """
    path = Path(directory) / "study.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(f"{directory} holds no study: there is no {path.name} in it") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise StudyError(f"{path} is damaged: it is not JSON. Restore it from a copy") from None
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise StudyError(
            f"{path} has the format {version!r}, this version reads {FORMAT}; take the version that wrote the study"
        )
    try:
        return Settings.from_json(data)
    except TypeError as error:
        raise StudyError(f"{path} is damaged: {str(error).partition(') ')[2]}. Restore it from a copy") from None


def write_settings(directory: Path, settings: Settings) -> None:
    """Replace study.json, whole or not at all. Raises: StudyError: the directory cannot be written."""
    _write(directory / "study.json", json.dumps(settings.to_json(), indent=2) + "\n")


def with_trials(directory: Path, settings: Settings, trials: int | None) -> Settings:
    """The same study with another number of trials, written down."""
    changed = replace(settings, trials=trials)
    write_settings(directory, changed)
    return changed


def location(directory: Path, settings: Settings) -> str | Path:
    """Where the record is: a journal's path or a URL."""
    return settings.storage if settings.shared else directory / settings.storage


def named(directory: Path) -> str:
    """The directory as other machines may call it: `host:path`."""
    return f"{socket.gethostname()}:{directory.resolve()}"


def text_digest(text: str) -> str:
    """Names a space's text; line ends and blanks at the end do not count."""
    plain = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


def require_same_space(directory: Path, settings: Settings, text: str, operator_files: Mapping[str, str]) -> None:
    """Raises: StudyError: this is not the space that the study was begun with; says where they part."""
    for name in sorted({*settings.operators, *operator_files}):
        if text_digest(operator_files.get(name, "")) != settings.operators.get(name):
            raise StudyError(
                f"`{name}` defines other operators than when the study in {directory} was begun; put it back"
            )
    if text_digest(text) == settings.space_digest:
        return
    snapshot = directory / "space.yaml"
    before = snapshot.read_text(encoding="utf-8").strip().splitlines() if snapshot.exists() else []
    now = text.strip().splitlines()
    for number, (old, new) in enumerate(zip([*before, ""], [*now, ""], strict=False), start=1):
        if old.rstrip() != new.rstrip():
            part = f" They part at line {number}:\n  {old.strip() or '(end)'}\n  {new.strip() or '(end)'}"
            break
    else:
        part = ""
    raise StudyError(
        f"the space differs from the one that the study in {directory} was begun with; an edited space is a new study, "
        f"which takes over what still holds: nas search SPACE --from {directory}.{part}"
    )


def unwritable(directory: Path, error: OSError) -> StudyError:
    """What to say when a study's directory cannot be written."""
    return StudyError(f"cannot write the study's directory {directory}: {error.strerror or error}")


def _write(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise unwritable(path.parent, error) from None


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return (text if len(text) <= 80 else text[:77] + "…") or "none"
