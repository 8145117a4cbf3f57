"""Muon for the hidden matrices and AdamW for everything else, as one optimizer with one learning rate."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from lrtune.trainers.optimizers.parameter_groups import Placed, group


class MuonWithAdamW(Optimizer):
    """Both algorithms over shared parameter groups and state.

    Schedulers, GradScaler, `state_dict` and `load_state_dict` see an ordinary optimizer. Muon's steps are scaled to
    the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so that one rate serves both.
    """

    def __init__(self, matrices: list[dict[str, Any]], rest: list[dict[str, Any]], **options: Any) -> None:
        """`options`: lr, momentum, nesterov, ns_steps for Muon; betas, eps for AdamW."""
        of_muon = {key: options[key] for key in ("lr", "momentum", "nesterov", "ns_steps")}
        of_adamw = {key: options[key] for key in ("lr", "betas", "eps")}
        self._muon = Muon(matrices, adjust_lr_fn="match_rms_adamw", **of_muon) if matrices else None
        self._adamw = AdamW(rest, **of_adamw) if rest else None
        groups = [one for part in self._parts() for one in part.param_groups]
        super().__init__(groups, {"lr": options["lr"]})
        self.param_groups = groups
        self._share()

    def _parts(self) -> list[Optimizer]:
        return [part for part in (self._muon, self._adamw) if part is not None]

    def _share(self) -> None:
        """Lets both algorithms work on this optimizer's own groups and state."""
        for part, algorithm in ((self._muon, "muon"), (self._adamw, "adamw")):
            if part is not None:
                part.param_groups = [one for one in self.param_groups if one["algorithm"] == algorithm]
                part.state = self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of each; what the closure returned, where there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts():
            part.step()
        return loss


def build(model: nn.Module, placed: list[Placed], options: dict[str, Any]) -> MuonWithAdamW:
    """The optimizer of `placed`: Muon for matrices that are neither an embedding nor the output layer."""
    hidden = hidden_matrices(model)
    matrices = [one for one in placed if id(one.parameter) in hidden]
    rest = [one for one in placed if id(one.parameter) not in hidden]
    return MuonWithAdamW(group(matrices, algorithm="muon"), group(rest, algorithm="adamw"), **options)


def hidden_matrices(model: nn.Module) -> set[int]:
    """The ids of the matrices between the embeddings and the last module that has a matrix."""
    holders = [
        module
        for module in model.modules()
        if any(one.ndim >= 2 for one in module.parameters(recurse=False)) and not isinstance(module, _EMBEDDINGS)
    ]
    outside = {id(one) for module in model.modules() if isinstance(module, _EMBEDDINGS) for one in module.parameters()}
    return {
        id(one)
        for module in holders[:-1]
        for one in module.parameters(recurse=False)
        if one.ndim == 2 and id(one) not in outside
    }


_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
