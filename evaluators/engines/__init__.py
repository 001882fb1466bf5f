"""Where candidates are evaluated: `Inline` in this process, `RayLocal` in several; `make_engine` reads the setting."""

from evaluators.engines.engine import AskTell, Engine, Evaluates, Observer, Silent, Step
from evaluators.engines.inline import Inline
from evaluators.engines.make import ENGINES, make_engine
from evaluators.engines.ray import RayLocal

__all__ = [
    "ENGINES",
    "AskTell",
    "Engine",
    "Evaluates",
    "Inline",
    "Observer",
    "RayLocal",
    "Silent",
    "Step",
    "make_engine",
]
