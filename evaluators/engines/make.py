"""From an experiment's `engine` setting to an engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from evaluators.engines.engine import Engine
from evaluators.engines.inline import Inline
from evaluators.engines.processes import Processes
from evaluators.engines.ray import RayEngine
from nas.errors import ExperimentError, nearest

ENGINES: dict[str, type[Inline] | type[Processes] | type[RayEngine]] = {
    "inline": Inline,
    "processes": Processes,
    "ray": RayEngine,
}


def make_engine(setting: str | Mapping[str, Any]) -> Engine:
    """The engine that `setting` names: `inline`, `{name: processes, workers: 2}`, or `ray` with the same.

    Raises: ExperimentError: no such engine or option, or an option's value is out of range.

    >>> make_engine({"name": "ray", "workers": 4}).workers
    4
    """
    options: Any = {"name": setting} if isinstance(setting, str) else setting
    if not isinstance(options, Mapping) or "name" not in options:
        raise ExperimentError(
            f"engine: expected a name ({', '.join(ENGINES)}) or a mapping with `name`, got {setting!r}"
        )
    name, rest = options["name"], {key: value for key, value in options.items() if key != "name"}
    if not isinstance(name, str) or name not in ENGINES:
        raise ExperimentError(
            f"engine: no engine is called `{name}`{nearest(str(name), ENGINES)}; there are {', '.join(ENGINES)}"
        )
    known = [f.name for f in dataclasses.fields(ENGINES[name])]
    for key in rest:
        if key not in known:
            offer = f"it has {', '.join(known)}" if known else "it has none"
            raise ExperimentError(f"engine: `{name}` has no option `{key}`{nearest(str(key), known)}; {offer}")
    return ENGINES[name](**rest)
