"""Comparing the jobs of a sweep: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks, `comparison_table` says it in text, `write` leaves text,
CSV, JSON and a picture in a folder.
"""

from snowmelt.comparison.jobs import Job
from snowmelt.comparison.ranking import Comparison, compare
from snowmelt.comparison.table import comparison_table
from snowmelt.comparison.writing import write

__all__ = ["Comparison", "Job", "compare", "comparison_table", "write"]
