import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.parameter_groups import Placed, parameter_groups, place


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.stem = nn.Linear(4, 4)
        self.blocks = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((2, 4)), nn.ReLU(), nn.Linear(4, 4))
        self.head = nn.Linear(4, 2)


def placed(**how: object) -> dict[str, Placed]:
    how = {"learning_rate": 1.0, **how}
    return {one.name: one for one in place(Net(), **how)}  # type: ignore[arg-type]


def test_norms_and_biases_are_not_decayed() -> None:
    decays = {name: one.weight_decay for name, one in placed(weight_decay=0.1).items()}
    decayed = {name for name, decay in decays.items() if decay}
    assert decayed == {"token", "stem.weight", "blocks.0.weight", "blocks.3.weight", "head.weight"}
    assert decays["blocks.1.weight"] == 0.0  # two-dimensional, but of a LayerNorm


def test_the_rate_falls_by_layer_decay_from_the_output_to_the_input() -> None:
    rates = {name: one.learning_rate for name, one in placed(layer_decay=0.5).items() if name.endswith("weight")}
    assert rates == {
        "stem.weight": 0.125,
        "blocks.0.weight": 0.25,
        "blocks.1.weight": 0.25,  # a norm counts with the layer before it
        "blocks.3.weight": 0.5,
        "head.weight": 1.0,
    }


def test_what_the_model_holds_itself_is_nearest_the_input() -> None:
    assert placed(layer_decay=0.5)["token"].learning_rate == 0.125


@pytest.mark.parametrize("pattern", ["head", "head.*", "h*.*"])
def test_a_pattern_sets_the_rate_of_a_module_whatever_its_layer(pattern: str) -> None:
    rates = {name: one.learning_rate for name, one in placed(layer_decay=0.5, rates={pattern: 3.0}).items()}
    assert rates["head.weight"] == rates["head.bias"] == 3.0
    assert rates["stem.weight"] == 0.125


def test_the_first_pattern_that_fits_counts() -> None:
    rates = {"*.bias": 2.0, "head": 3.0}
    found = placed(rates=rates)
    assert (found["head.bias"].learning_rate, found["head.weight"].learning_rate) == (2.0, 3.0)


def test_groups_hold_every_trainable_parameter_once() -> None:
    model = Net()
    model.head.weight = model.stem.weight  # type: ignore[assignment]  # shapes do not matter here
    model.stem.bias.requires_grad_(False)
    groups = parameter_groups(model, learning_rate=0.1, weight_decay=0.1, layer_decay=0.9)
    ids = [id(one) for group in groups for _, one in group["params"]]
    assert sorted(ids) == sorted(id(one) for one in model.parameters() if one.requires_grad)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"rates": {"haed.*": 0.1}}, r"'haed\.\*' fits no trainable parameter; there are token, stem.weight"),
        ({"rates": {"head": float("nan")}}, r"rates\['head'\] must be finite, not nan"),
        ({"rates": {"head": 0.0}}, r"rates\['head'\] must be > 0, not 0"),
        ({"layer_decay": 1.5}, r"layer_decay must be in \(0, 1\], not 1.5"),
        ({"layer_decay": 0.0}, "layer_decay must be > 0"),
        ({"learning_rate": -0.1}, "learning_rate must be > 0, not -0.1"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite, not inf"),
        ({"weight_decay": -1e-4}, "weight_decay must be ≥ 0"),
        ({"weight_decay": "0.1"}, "weight_decay must be a number, not '0.1'"),
    ],
)
def test_what_cannot_be_is_named(how: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        placed(**how)


def test_a_model_with_nothing_to_train_is_refused() -> None:
    with pytest.raises(TrainingError, match="Linear has no trainable parameter"):
        place(nn.Linear(2, 2).requires_grad_(False), learning_rate=0.1)


def test_a_model_whose_shapes_are_not_known_yet_is_refused() -> None:
    with pytest.raises(TrainingError, match="weight has no shape yet: run one batch"):
        place(nn.LazyLinear(2), learning_rate=0.1)


class Block(nn.Module):
    """With an MLP of two layers, which is no layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(4, 4)
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))


class Wrapper(nn.Module):
    """Holds one module under a name, and a parameter of its own."""

    def __init__(self, name: str, held: nn.Module) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.add_module(name, held)


def blocks(kind: type[nn.Module]) -> nn.Module:
    return kind(*([[Block() for _ in range(6)]] if kind is nn.ModuleList else [Block() for _ in range(6)]))


@pytest.mark.parametrize("kind", [nn.Sequential, nn.ModuleList])
@pytest.mark.parametrize("names", [["layer"], ["encoder", "layer"], ["backbone", "model", "blocks"]])
def test_blocks_within_wrappers_are_layers_one_by_one(kind: type[nn.Module], names: list[str]) -> None:
    held = blocks(kind)
    for name in reversed(names):
        held = Wrapper(name, held)
    model = nn.Sequential(held, nn.Linear(4, 2))
    prefix = ".".join(["0", *names])
    found = {one.name: one.layer for one in place(model, learning_rate=1.0, layer_decay=0.5)}
    assert [found[f"{prefix}.{index}.attention.weight"] for index in range(6)] == [0, 1, 2, 3, 4, 5]
    assert [found[f"{prefix}.{index}.mlp.2.weight"] for index in range(6)] == [0, 1, 2, 3, 4, 5]
    assert found["1.weight"] == 6
    assert found["0.scale"] == 0


def test_a_wrapped_stack_of_plain_layers_is_so_many_layers() -> None:
    model = nn.Sequential()
    model.add_module("backbone", Wrapper("layers", nn.Sequential(*(nn.Linear(4, 4) for _ in range(6)))))
    model.add_module("head", nn.Linear(4, 2))
    rates = [one.learning_rate for one in place(model, learning_rate=1.0, layer_decay=0.5) if "weight" in one.name]
    assert rates == [0.5**layer for layer in (6, 5, 4, 3, 2, 1, 0)]


def test_torchs_transformer_is_its_layers() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    model = nn.Sequential(nn.Linear(8, 8), Wrapper("encoder", nn.TransformerEncoder(layer, 6)), nn.Linear(8, 2))
    layers = {one.layer for one in place(model, learning_rate=1.0, layer_decay=0.5)}
    assert layers == set(range(8))


def test_a_block_is_one_layer_whatever_it_is_made_of() -> None:
    found = {one.name: one.layer for one in place(nn.Sequential(Block(), Block()), learning_rate=1.0)}
    assert {layer for name, layer in found.items() if name.startswith("0.")} == {0}
    assert {layer for name, layer in found.items() if name.startswith("1.")} == {1}
