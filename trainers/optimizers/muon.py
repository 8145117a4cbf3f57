"""Muon for the hidden matrices and AdamW for everything else, as one optimizer with one learning rate."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.output_layer import EMBEDDINGS, output_layers
from lrtune.trainers.optimizers.parameter_groups import NORMS, Placed, fits, group, refuse_idle

_EMBEDDED = re.compile(r"embed|token|position|(^|_)pos(_|$)|table")
"""What the names of parameters have in common that are looked up or added, and multiply nothing."""


class MuonWithAdamW(Optimizer):
    """Both algorithms over shared parameter groups and state.

    Schedulers, GradScaler, `state_dict`, `load_state_dict`, copies and pickles see an ordinary optimizer. Filters of
    convolutions, [out, in, …], are matrices [out, in · …] to Muon, as in its reference (Jordan 2024). Muon's steps are
    scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so that one rate serves both.
    """

    def __init__(self, matrices: list[dict[str, Any]], rest: list[dict[str, Any]], **options: Any) -> None:
        """`options`: lr, momentum, nesterov, ns_steps for Muon; betas, eps for AdamW."""
        of_muon = {key: options[key] for key in ("lr", "momentum", "nesterov", "ns_steps")}
        of_adamw = {key: options[key] for key in ("lr", "betas", "eps")}
        groups: list[dict[str, Any]] = []
        if matrices:
            as_matrices = [{**one, "params": [(name, _matrix(p)) for name, p in one["params"]]} for one in matrices]
            groups += Muon(as_matrices, adjust_lr_fn="match_rms_adamw", **of_muon).param_groups
            for made, given in zip(groups, matrices, strict=True):
                made["params"] = [parameter for _, parameter in given["params"]]
        if rest:
            groups += AdamW(rest, **of_adamw).param_groups
        super().__init__(groups, {"lr": options["lr"]})
        self.param_groups = groups

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of each; what the closure returned, where there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        of = {name: [one for one in self.param_groups if one["algorithm"] == name] for name in ("muon", "adamw")}
        if of["muon"]:
            self._step_matrices(of["muon"])
        if of["adamw"]:
            adamw = AdamW([torch.zeros(1)])
            adamw.param_groups, adamw.state = of["adamw"], self.state
            adamw.step()
        return loss

    @torch.no_grad()
    def _step_matrices(self, groups: Sequence[Mapping[str, Any]]) -> None:
        muon = Muon([torch.zeros(1, 1)])
        muon.param_groups, muon.state, copies = [], defaultdict(dict), []
        for one in groups:
            trained = [parameter for parameter in one["params"] if parameter.grad is not None]
            matrices = [_matrix(parameter) for parameter in trained]
            for parameter, matrix in zip(trained, matrices, strict=True):
                muon.state[matrix] = self.state[parameter]
                if matrix.data_ptr() != parameter.data_ptr():
                    copies.append((parameter, matrix))
            muon.param_groups.append({**one, "params": matrices})
        muon.step()  # type: ignore[no-untyped-call]
        for parameter, matrix in copies:
            parameter.copy_(matrix.view(parameter.shape))


def _matrix(parameter: Tensor) -> Tensor:
    """The parameter and its gradient as matrices; on the same memory, where that lies in their order."""
    matrix = parameter.detach().flatten(1)
    if parameter.grad is not None:
        matrix.grad = parameter.grad.flatten(1)
    return matrix


def build(model: nn.Module, placed: list[Placed], options: dict[str, Any]) -> MuonWithAdamW:
    """The optimizer of `placed`: Muon for matrices and filters that are neither an embedding nor the output layer, nor
    fit a pattern of the option `adamw`."""
    patterns = options.pop("adamw")
    refuse_idle("adamw", patterns, [one.name for one in placed])
    hidden = hidden_matrices(model)
    muon = {
        one.name
        for one in placed
        if id(one.parameter) in hidden and not any(fits(pattern, one.name) for pattern in patterns)
    }
    matrices = [one for one in placed if one.name in muon]
    rest = [one for one in placed if one.name not in muon]
    return MuonWithAdamW(group(matrices, algorithm="muon"), group(rest, algorithm="adamw"), **options)


def hidden_matrices(model: nn.Module) -> set[int]:
    """The ids of the matrices and filters of all layers, embeddings, norms and the output layer aside, whatever the
    order in which they were registered."""
    outside = {id(one) for head in output_layers(model) for one in head.parameters()}
    for module in model.modules():
        if isinstance(module, (*EMBEDDINGS, *NORMS)):
            outside |= {id(one) for one in module.parameters(recurse=False)}
    return {
        id(one)
        for name, one in model.named_parameters()
        if id(one) not in outside and _is_matrix(one) and not _EMBEDDED.search(name.rpartition(".")[2])
    }


def patterns_of(value: Any) -> tuple[str, ...]:
    """The option `adamw`, checked. Raises TrainingError."""
    patterns = (value,) if isinstance(value, str) else value
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(one, str) and one for one in patterns):
        raise TrainingError(f"adamw must be patterns of parameter names, as in ['head.*'], not {value!r}")
    return tuple(patterns)


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) > 1
