"""A user's own task without training: a search over it takes milliseconds. Also the text of it, for a user's folder."""

from __future__ import annotations

from pathlib import Path

TASK = '''
import time
from pathlib import Path

from nas.study.candidate import Report


class ClosedForm:
    """Accuracy grows with the parameters, for less and less. Notes every evaluation that it began in `log`."""

    inputs = ((8,),)
    outputs = ((3,),)
    metrics = {"accuracy": "maximize", "loss": "minimize"}

    def __init__(self, pause=0.0, log="", fail=""):
        self.pause, self.log, self.fail = pause, log, fail

    def evaluate(self, job):
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{job.number} {job.seed}\\n")
        if self.fail:
            raise RuntimeError(self.fail)
        for rung in sorted({*job.rungs, job.budget["epochs"]}):
            time.sleep(self.pause)
            luck = (job.seed % 1000) / 1e5
            loss = 100 / (job.costs["params"] + 100) + 1 / rung + luck
            yield Report(rung, {"accuracy": 1 / (1 + loss), "loss": loss})


def make(pause=0.0, log="", fail=""):
    return ClosedForm(pause, log, fail)


def broken():
    return 1 / 0
'''

SPACE = """\
space: narrow
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [0, 3]}
  width: {int: [2, 64]}
model: |
  z = x
  for i in range(depth):
      z = relu(linear(z, width))
  return linear(z, targets)
"""


def write_task(folder: Path) -> str:
    """`my_task.py` in `folder`; gives the name under which a search knows it."""
    (folder / "my_task.py").write_text(TASK, encoding="utf-8")
    return f"{folder / 'my_task.py'}:make"


def write_space(folder: Path) -> Path:
    """`narrow.yaml` in `folder`."""
    path = folder / "narrow.yaml"
    path.write_text(SPACE, encoding="utf-8")
    return path
