"""Comparing: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks the jobs of a sweep, `comparison_table` writes the outcome
as text. `compare_models(runs)` compares single models, `model_table` writes that.
"""

from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.evaluation.comparison.compared_models import Measured
from snowmelt.evaluation.comparison.comparison_table import comparison_table
from snowmelt.evaluation.comparison.model_comparison import ModelComparison, compare_models
from snowmelt.evaluation.comparison.model_table import model_table
from snowmelt.evaluation.comparison.ranking import Comparison, compare

__all__ = [
    "Comparison",
    "Job",
    "Measured",
    "ModelComparison",
    "compare",
    "compare_models",
    "comparison_table",
    "model_table",
]
