"""Comparing the jobs of a sweep: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks, `comparison_table` says it in text, `write` leaves text,
CSV, JSON and a picture in a folder; `jobs_of(runs, keys)` makes jobs of tracked runs.
"""

from snowmelt.comparison.jobs import Job
from snowmelt.comparison.ranking import Comparison, compare
from snowmelt.comparison.table import comparison_table
from snowmelt.comparison.tracked import jobs_of
from snowmelt.comparison.writing import write

__all__ = ["Comparison", "Job", "compare", "comparison_table", "jobs_of", "write"]
