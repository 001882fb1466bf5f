"""Neural architecture search for attention-free networks.

A space is one YAML file whose equations describe topologies as graphs; a search proposes, trains and stops candidates
for several objectives at once; a frontier is reported with its uncertainty; the best are exported as plain PyTorch.

    import nas
    space = nas.load_space("residual-mlp")
    search = nas.search(space, task="mnist5k/denoise", objectives=["maximize psnr", "minimize params"], trials=200)
    print(search.front().table())
    search.export(search.front().knee(), "model.py")
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.codegen import operator
    from nas.errors import NasError
    from nas.experiment import Search, confirm, open_search, resume, search
    from nas.experiment.tuning import tune_trainable
    from nas.space import Space, allow_code, load_space
    from nas.study.plain_optuna import OptunaSampler, suggest

try:
    __version__ = version("hourglass-nas")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0"

# Loaded when first used, so that `import nas` costs neither torch nor optuna nor ray.
_WHERE = {
    "NasError": "nas.errors",
    "Space": "nas.space",
    "allow_code": "nas.space",
    "load_space": "nas.space",
    "operator": "nas.codegen",
    "Search": "nas.experiment",
    "confirm": "nas.experiment",
    "open_search": "nas.experiment",
    "resume": "nas.experiment",
    "search": "nas.experiment",
    "tune_trainable": "nas.experiment.tuning",
    "OptunaSampler": "nas.study.plain_optuna",
    "suggest": "nas.study.plain_optuna",
}

__all__ = [
    "NasError",
    "OptunaSampler",
    "Search",
    "Space",
    "allow_code",
    "confirm",
    "load_space",
    "open_search",
    "operator",
    "resume",
    "search",
    "suggest",
    "tune_trainable",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'nas' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
