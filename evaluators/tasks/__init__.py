"""Tasks: data, loss and metrics that a candidate is put through. `load_task` finds one; `TASKS` are shipped."""

from evaluators.tasks.arrays import task_from_arrays
from evaluators.tasks.criteria import Criterion, CrossEntropy, Reconstruction, SquaredError
from evaluators.tasks.load import anchored, file_of, load_subject, load_task
from evaluators.tasks.shipped import TASKS
from evaluators.tasks.task import Data, Field, Resident, SealedSplit, Split, Standardised, Task, Tensors
from evaluators.tasks.user_file import OwnEvaluator

__all__ = [
    "TASKS",
    "Criterion",
    "CrossEntropy",
    "Data",
    "Field",
    "OwnEvaluator",
    "Reconstruction",
    "Resident",
    "SealedSplit",
    "Split",
    "SquaredError",
    "Standardised",
    "Task",
    "Tensors",
    "anchored",
    "file_of",
    "load_subject",
    "load_task",
    "task_from_arrays",
]
