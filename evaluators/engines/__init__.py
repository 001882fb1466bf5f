"""Where candidates are evaluated: `Inline` in this process, `RayEngine` in several, here or on a cluster; `make_engine` reads the setting."""

from evaluators.engines.engine import AskTell, Engine, Evaluates, Observer, Silent, Step
from evaluators.engines.inline import Inline
from evaluators.engines.make import ENGINES, make_engine
from evaluators.engines.ray import RayEngine

__all__ = [
    "ENGINES",
    "AskTell",
    "Engine",
    "Evaluates",
    "Inline",
    "Observer",
    "RayEngine",
    "Silent",
    "Step",
    "make_engine",
]
