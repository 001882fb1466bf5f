"""The report of a study: one HTML file that needs nothing else, today or in ten years."""

from nas.pareto.report.data import DETAILED, Artifact
from nas.pareto.report.page import write_report

__all__ = ["DETAILED", "Artifact", "write_report"]
