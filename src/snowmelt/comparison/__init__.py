"""Comparing the jobs of a sweep: fairly, with error bars, or not at all.

    comparison = compare(jobs)
    print(comparison_table(comparison))
    write(comparison, root / "reports" / "sweep", value_range=(0, 16))
"""

from snowmelt.comparison.jobs import Job
from snowmelt.comparison.ranking import Comparison, compare
from snowmelt.comparison.table import comparison_table
from snowmelt.comparison.writing import write

__all__ = ["Comparison", "Job", "compare", "comparison_table", "write"]
