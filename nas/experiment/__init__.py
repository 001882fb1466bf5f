"""Experiments: from a file of settings to a search, its confirmation, its report and its exports."""

from nas.experiment.confirming import confirm
from nas.experiment.interruption import Interrupted
from nas.experiment.prepare import bind_to_task
from nas.experiment.running import resume, search
from nas.experiment.session import Search, open_search
from nas.experiment.settings import Experiment, load_experiment

__all__ = [
    "Experiment",
    "Interrupted",
    "Search",
    "bind_to_task",
    "confirm",
    "load_experiment",
    "open_search",
    "resume",
    "search",
]
