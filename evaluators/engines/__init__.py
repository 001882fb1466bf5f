"""Where candidates are evaluated; `make_engine` reads the setting.

`Inline`: in this process. `Processes`: in several of this machine. `RayEngine`: in several, here or on a cluster.
"""

from evaluators.engines.engine import AskTell, Engine, Evaluates, Observer, Silent, Step
from evaluators.engines.inline import Inline
from evaluators.engines.make import ENGINES, make_engine
from evaluators.engines.processes import Processes
from evaluators.engines.ray import RayEngine

__all__ = [
    "ENGINES",
    "AskTell",
    "Engine",
    "Evaluates",
    "Inline",
    "Observer",
    "Processes",
    "RayEngine",
    "Silent",
    "Step",
    "make_engine",
]
