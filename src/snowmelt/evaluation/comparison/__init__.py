"""Comparing the jobs of a sweep: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks them, `comparison_table` writes the outcome as text.
"""

from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.evaluation.comparison.comparison_table import comparison_table
from snowmelt.evaluation.comparison.ranking import Comparison, compare

__all__ = ["Comparison", "Job", "compare", "comparison_table"]
