"""A net and what trains it, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from models.training.batches import Batches
from models.training.loss import Loss
from models.training.nets import make_net
from models.training.plan import Plan

#: What the encoder of lite learns at, where it learns: its weights are good already.
_ENCODER = 0.1


class Learner:
    """Trains the plan's net. Its state is weights, AdamW's moments and the step; the dice follow from seed and step."""

    def __init__(self, plan: Plan, batches: Batches, loss: Loss, device: torch.device, *, compiled: bool) -> None:
        """Makes the net; `compiled` lets torch.compile make it faster."""
        torch.manual_seed(plan.seed)
        self.step = 0
        self.net = make_net(plan).to(device, memory_format=torch.channels_last)
        self._plan = plan
        self._batches = batches
        self._loss = loss
        self._device = device
        self._forward = torch.compile(self.net) if compiled else self.net
        self._optimizer = torch.optim.AdamW(_groups(self.net, plan.decay), lr=plan.rate, fused=device.type == "cuda")

    @property
    def rate(self) -> float:
        """Learning rate of the coming step; 0 after the last."""
        return self._plan.rate_at(self.step)

    def advance(self) -> Tensor:
        """Takes one step; returns its loss, which stays on the device."""
        self.net.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * group["factor"]
        batch = self._batches.at(self.step)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._plan.bf16):
            logits = self._forward(batch.lightness.contiguous(memory_format=torch.channels_last))
        loss = self._loss(logits, batch.ab)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self._plan.clip)
        self._optimizer.step()
        self.step += 1
        return loss.detach()

    @torch.no_grad()
    def settle(self) -> None:
        """Finds the batch-norm statistics anew, as plain means over batches that come after the last step.

        Running means lag behind the weights, and each batch has its own degraded pictures.
        """
        self.net.train()
        norms = [norm for norm in self.net.modules() if isinstance(norm, nn.BatchNorm2d) and norm.training]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        for number in range(self._plan.settle):
            self.net(self._batches.at(self._plan.steps + number).lightness)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def state(self) -> dict[str, Any]:
        """Returns all that `restore` needs."""
        return {"step": self.step, "net": self.net.state_dict(), "optimizer": self._optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.step = state["step"]
        self.net.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])


def _groups(net: nn.Module, decay: float) -> Iterator[dict[str, Any]]:
    """Yields what learns alike: kernels decay, biases and norms do not; an encoder learns more slowly."""
    for encoder in (False, True):
        for kernels in (True, False):
            chosen = [
                values
                for name, values in net.named_parameters()
                if values.requires_grad and name.startswith("encoder.") == encoder and (values.ndim > 1) == kernels
            ]
            if chosen:
                yield {
                    "params": chosen,
                    "weight_decay": decay if kernels else 0.0,
                    "factor": _ENCODER if encoder else 1.0,
                }
