"""The nets that can be trained, by name."""

from __future__ import annotations

from torch import nn

from models.training.eccv16 import Eccv16
from models.training.lite import Lite
from models.training.plan import Plan

#: Names that a plan may give.
NAMES = ("lite", "eccv16")


def make_net(plan: Plan) -> nn.Module:
    """Returns the plan's net as it is before the first step; raises TrainingFailed where its weights are missing."""
    return Eccv16(width=plan.width) if plan.net == "eccv16" else Lite(freeze=plan.freeze)
