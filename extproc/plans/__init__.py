"""Where plans come from, and how a sidecar goes from one to the next."""

from extproc.plans.folder import FolderSource
from extproc.plans.keeper import Keeper, Status
from extproc.plans.poll import ControlSource
from extproc.plans.shelf import Shelf
from extproc.plans.source import BadPlan, PlanSource

__all__ = ["BadPlan", "ControlSource", "FolderSource", "Keeper", "PlanSource", "Shelf", "Status"]
