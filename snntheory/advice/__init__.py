"""What a time step costs, and what keeps it: advice for a neuron that cites the measurement behind each number."""

from .answer import Choice, Part, Recommendation
from .clocked import recommend_framework
from .costs import costs
from .evidence import Evidence, NotMeasured
from .pareto import pareto_front
from .recommendation import recommend

__all__ = [
    "Choice",
    "Evidence",
    "NotMeasured",
    "Part",
    "Recommendation",
    "costs",
    "pareto_front",
    "recommend",
    "recommend_framework",
]
