from pathlib import Path

import pytest

from lrtune.service.rates.starting_rates import LORA_STARTING_RATES, STARTING_RATES, lora_kind, starting_rate


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("sgd", 1e-2),
        ("SGD", 1e-2),
        ("torch.optim.SGD", 1e-2),
        ("sgd-momentum", 1e-2),
        ("GradientDescent", 1e-2),
        ("Adam", 1e-3),
        ("AdamW8bit", 1e-3),
        ("adamax", 2e-3),
        ("RMSProp", 1e-3),
        ("adagrad", 1e-2),
        ("Adadelta", 1.0),
        ("torch.optim.Adadelta", 1.0),
        ("muon", 1e-3),
        ("Prodigy", 1.0),
        ("DAdaptAdam", 1.0),
        ("lion", 1e-4),
        ("schedule_free", 2.5e-3),
        ("AdamWScheduleFree", 2.5e-3),
        ("SGDScheduleFree", 1.0),
        ("adafactor", 1e-2),
        ("something new", 1e-3),
        (None, 1e-3),
    ],
)
def test_every_optimizer_has_its_own_starting_rate_however_it_is_written(name: str | None, rate: float) -> None:
    found = starting_rate(name)
    assert found.learning_rate == rate
    assert found.interval == (rate / 10, rate * 10)
    assert f"is {rate:g}" in found.told


def test_the_rate_for_an_optimizer_that_is_not_known_says_so() -> None:
    told = "the usual rate for 'LBFGS' is not known here, that for the Adam family is 0.001"
    assert starting_rate("LBFGS").told == told
    assert starting_rate("AdamW").told == starting_rate(None).told == "the usual rate for the Adam family is 0.001"
    assert starting_rate("LBFGS") == starting_rate("Adam"), "a choice of Adam stands for it"


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("lora", ""),
        ("LoRA", ""),
        ("qlora-llama", ""),
        ("lora_r16", ""),
        ("sft with LoRA+", ""),
        ("rsLoRA", ""),
        ("lora-dpo", "dpo"),
        ("DPO, LoRA", "dpo"),
        ("grpo-qlora", "grpo"),
        ("dpo", None),
        ("floral", None),
        ("exploration", None),
        ("", None),
        (None, None),
    ],
)
def test_a_family_names_lora_by_a_word_of_its_own(family: str | None, kind: str | None) -> None:
    assert lora_kind(family) == kind


@pytest.mark.parametrize(
    ("optimizer", "family", "rate", "told"),
    [
        ("adamw", "lora", 2e-4, "the usual rate for LoRA with the Adam family is 0.0002, about ten times"),
        (None, "lora", 2e-4, "the usual rate for LoRA with the Adam family is 0.0002, about ten times"),
        ("AdamW8bit", "lora-dpo", 5e-6, "the usual rate for LoRA in DPO with the Adam family is 5e-06, about ten"),
        ("adam", "lora-grpo", 1e-5, "the usual rate for LoRA in GRPO with the Adam family is 1e-05, about ten"),
        ("LBFGS", "lora", 2e-4, "the usual rate for 'LBFGS' is not known here, that for LoRA with the Adam"),
        ("sgd", "lora", 1e-2, "the usual rate for SGD is 0.01; that for LoRA with it is not known here"),
        ("adamw", "cnn", 1e-3, "the usual rate for the Adam family is 0.001"),
    ],
)
def test_lora_has_a_starting_rate_of_its_own_with_adam(
    optimizer: str | None, family: str, rate: float, told: str
) -> None:
    found = starting_rate(optimizer, family)
    assert found.learning_rate == rate
    assert found.told.startswith(told)


def test_every_starting_rate_of_lora_and_its_source_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "optimizers.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for kind, entry in LORA_STARTING_RATES.items():
        family = f"lora-{kind}" if kind else "lora"
        (row,) = [row for row in rows if f"`{family}`" in row and entry.source in row]
        assert f"| {entry.learning_rate:g} |" in row


def test_every_starting_rate_and_its_source_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "optimizers.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for name, entry in STARTING_RATES.items():
        (row,) = [row for row in rows if f"`{name}`" in row and entry.source in row]
        assert f"| {entry.learning_rate:g} |" in row


def test_every_optimizer_that_is_built_by_name_is_in_the_table() -> None:
    pytest.importorskip("torch")
    from lrtune.trainers.optimizers.build import OPTIMIZERS

    assert {name.replace("_", "") for name in OPTIMIZERS} <= STARTING_RATES.keys()
