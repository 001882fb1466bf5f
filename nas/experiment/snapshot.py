"""The settings of a search as they were in force, kept beside its results so that anybody can go on with it from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nas.errors import StudyError
from nas.experiment.settings import KEYS, Experiment, experiment_from_text
from nas.study.directory import read_settings, text_digest

EXPERIMENT = "experiment.yaml"
SPACE = "space.yaml"


def snapshot(experiment: Experiment) -> str:
    """The settings as an experiment file: every one of them but the directory, which is where it stands."""
    values = {key: _plain(getattr(experiment, key)) for key in KEYS if key != "directory"}
    kept = {key: value for key, value in values.items() if value is not None}
    text: str = yaml.dump(kept, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# The settings of this search, as they were in force.\n{text}"


def read_snapshot(directory: Path) -> tuple[Experiment, str]:
    """Settings and the text of the space of the search in `directory`.

    Raises: StudyError: there is no search, or its space was edited; ExperimentError: its settings were, and are wrong now.
    """
    settings = read_settings(directory)
    texts = {name: read_text(directory, name) for name in (EXPERIMENT, SPACE)}
    if text_digest(texts[SPACE]) != settings.space_digest:
        raise StudyError(
            f"{directory / SPACE} was edited after the search began; put it back, or begin a new search that takes over "
            f"what still holds: nas search SPACE --from {directory}"
        )
    return experiment_from_text(texts[EXPERIMENT], str(directory / EXPERIMENT)), texts[SPACE]


def read_text(directory: Path, name: str) -> str:
    """A file of the search in `directory`. Raises: StudyError: there is none, or it cannot be read."""
    read_settings(directory)
    try:
        return (directory / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StudyError(f"{directory} is incomplete: there is no {name} in it") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise StudyError(f"{directory / name} cannot be read: {problem}") from None


def _plain(value: Any) -> Any:
    """Plain values only, for YAML."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class _Dumper(yaml.SafeDumper):
    """Quotes texts such as `1e-3`, which are numbers to our reader and texts to PyYAML's."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if text[:1] in set("0123456789+-.") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
