"""What metrics come to where predictions have nothing to do with labels."""

from types import MappingProxyType

CHANCE = MappingProxyType({"mcc": 0.0, "auroc": 0.5, "pearson": 0.0, "spearman": 0.0})
"""Of the metrics that do not depend on how frequent classes are."""
