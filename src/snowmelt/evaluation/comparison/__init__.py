"""Comparing the jobs of a sweep: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks, `comparison_table` says it in text, `write` leaves text,
CSV, JSON and a picture in a folder; `jobs_of(runs, keys)` makes jobs of tracked runs.
"""

from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.evaluation.comparison.comparison_table import comparison_table
from snowmelt.evaluation.comparison.ranking import Comparison, compare
from snowmelt.pipeline.sweep.tracked_jobs import jobs_of
from snowmelt.viz.report.comparison_files import write

__all__ = ["Comparison", "Job", "compare", "comparison_table", "jobs_of", "write"]
