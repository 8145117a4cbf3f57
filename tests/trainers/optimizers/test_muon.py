"""Which parameters Muon trains, how it trains filters, and copies of it."""

import copy
import io
import pickle
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.optim import Muon

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import build_optimizer


def by_muon(model: nn.Module, **options: Any) -> set[str]:
    optimizer = build_optimizer("muon", model, learning_rate=0.01, **options)
    groups = [group for group in optimizer.param_groups if group["algorithm"] == "muon"]
    return {name for group in groups for name in group["param_names"]}


class Net(nn.Module):
    """Parts by name, registered in the order given."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, inputs: Tensor) -> Tensor:
        for part in self.children():
            inputs = part(inputs)
        return inputs


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 10))
    )


def test_the_filters_of_a_cnn_are_trained_by_muon() -> None:
    assert by_muon(convolutional()) == {"0.weight", "3.weight"}


def body() -> dict[str, nn.Module]:
    return {"first": nn.Linear(4, 16), "second": nn.Linear(16, 16), "third": nn.Linear(16, 16)}


@pytest.mark.parametrize("head", ["head", "classifier", "fc", "answers", "zz"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_output_layer_is_adamws_wherever_it_is_registered_and_the_last_of_the_body_is_muons(
    head: str, place: int
) -> None:
    parts = list(body().items())
    parts.insert(place, (head, nn.Linear(16, 10)))
    assert by_muon(Net(**dict(parts))) == {"first.weight", "second.weight", "third.weight"}
    wrapped = Net(model=Net(**dict(parts)))
    assert by_muon(wrapped) == {"model.first.weight", "model.second.weight", "model.third.weight"}


def test_only_the_last_layer_of_a_head_of_several_is_the_output() -> None:
    head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10))
    assert by_muon(Net(classifier=head, **body())) >= {"classifier.0.weight", "third.weight"}
    assert "classifier.2.weight" not in by_muon(Net(classifier=head, **body()))
    heads = nn.ModuleDict({"age": nn.Linear(16, 1), "name": nn.Linear(16, 9)})
    assert by_muon(Net(heads=heads, **body())) == {"first.weight", "second.weight", "third.weight"}


class Tokens(nn.Module):
    """As a transformer has them: embeddings, positions, tied weights, and blocks with parts called out."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.lm_head = nn.Linear(8, 20, bias=False)
        self.embed = nn.Embedding(20, 8)
        self.pos_embed = nn.Parameter(torch.zeros(5, 8))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.blocks = nn.ModuleList(Net(out=nn.Linear(8, 8), fc=nn.Linear(8, 8)) for _ in range(2))
        self.norm = nn.LayerNorm((2, 8))
        if tied:
            self.lm_head.weight = self.embed.weight


@pytest.mark.parametrize("tied", [False, True])
def test_embeddings_positions_and_norms_are_adamws(tied: bool) -> None:
    assert by_muon(Tokens(tied)) == {f"blocks.{block}.{part}.weight" for block in (0, 1) for part in ("out", "fc")}


def test_more_can_be_given_to_adamw_by_pattern() -> None:
    net = Net(head=nn.Linear(16, 10), **body())
    assert by_muon(net, adamw=["first", "th*.weight"]) == {"second.weight"}
    assert by_muon(net, adamw="second.*") == {"first.weight", "third.weight"}
    with pytest.raises(TrainingError, match="adamw: 'fourth' fits no trainable parameter"):
        by_muon(net, adamw=["fourth"])
    with pytest.raises(TrainingError, match=r"adamw must be patterns of parameter names, .*, not 3"):
        by_muon(net, adamw=3)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_filter_is_trained_as_torchs_muon_trains_its_matrix(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    model = convolutional()
    model = model.to(memory_format=memory_format)
    filters = model[3].weight
    assert isinstance(filters, nn.Parameter)
    matrix = nn.Parameter(filters.detach().flatten(1).clone())
    ours = build_optimizer("muon", model, learning_rate=0.02, weight_decay=0.1)
    theirs = Muon([matrix], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        gradient = torch.randn(filters.shape)
        filters.grad, matrix.grad = gradient.contiguous(memory_format=memory_format), gradient.flatten(1)
        ours.step()
        theirs.step()
    assert torch.allclose(filters.detach().flatten(1), matrix.detach(), atol=1e-6)
    assert filters.is_contiguous(memory_format=memory_format)


def steps(model: nn.Module, optimizer: Any, count: int) -> list[float]:
    losses = []
    for step in range(count):
        inputs = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        loss = model(inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def copied(pair: Any) -> Any:
    return copy.deepcopy(pair)


def pickled(pair: Any) -> Any:
    return pickle.loads(pickle.dumps(pair))


def saved(pair: Any) -> Any:
    file = io.BytesIO()
    torch.save(pair, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", [copied, pickled, saved])
@pytest.mark.parametrize("before", [0, 3])
def test_a_copy_trains_on_as_the_original_does_and_apart_from_it(way: Any, before: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 36, 4), nn.Linear(4, 2))
    optimizer = build_optimizer("muon", model, learning_rate=0.01, weight_decay=0.1)
    steps(model, optimizer, before)
    other, others = way((model, optimizer))
    for group in others.param_groups:
        assert {id(one) for one in group["params"]} <= {id(one) for one in other.parameters()}
    kept = copy.deepcopy(model.state_dict())
    losses = steps(other, others, 3)
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert steps(model, optimizer, 3) == losses
