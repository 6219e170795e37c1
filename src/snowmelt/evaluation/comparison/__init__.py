"""Comparing: fairly, with error bars, or not at all.

`compare(jobs)` groups and ranks the jobs of a sweep, `comparison_table` writes the outcome
as text. `sampling_costs(jobs)` puts samplers of one model side by side, `cost_table` writes
that. `compare_models(runs)` compares single models, `model_table` writes that.
"""

from snowmelt.evaluation.comparison.compared_jobs import Job
from snowmelt.evaluation.comparison.compared_models import Measured
from snowmelt.evaluation.comparison.comparison_table import comparison_table
from snowmelt.evaluation.comparison.costs_of_jobs import sampling_costs
from snowmelt.evaluation.comparison.model_comparison import ModelComparison, compare_models
from snowmelt.evaluation.comparison.model_table import model_table
from snowmelt.evaluation.comparison.ranking import Comparison, compare
from snowmelt.evaluation.comparison.sampling_cost import SamplingCost
from snowmelt.evaluation.comparison.sampling_cost_table import cost_table

__all__ = [
    "Comparison",
    "Job",
    "Measured",
    "ModelComparison",
    "SamplingCost",
    "compare",
    "compare_models",
    "comparison_table",
    "cost_table",
    "model_table",
    "sampling_costs",
]
