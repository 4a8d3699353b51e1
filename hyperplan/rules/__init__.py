"""Rules: models that are expressions."""

from hyperplan.rules.rule import Prediction, Rule, RuleFailed, problems_of_rule

__all__ = ["Prediction", "Rule", "RuleFailed", "problems_of_rule"]
