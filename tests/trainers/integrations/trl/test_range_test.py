"""The range test of a model with LoRA's adapters."""

from typing import Any

import pytest
import torch

pytest.importorskip("peft", reason="needs lrtune[trl]: make frameworks")

from peft import get_peft_model
from peft.optimizers import create_loraplus_optimizer

import lrtune
from tests.trainers.integrations.trl.small import SENTENCES, lora, model, tokenizer


def batches() -> list[dict[str, torch.Tensor]]:
    made = tokenizer()(SENTENCES, padding=True, return_tensors="pt")
    rows = [{name: made[name][at : at + 12] for name in ("input_ids", "attention_mask")} for at in range(0, 48, 12)]
    return [row | {"labels": row["input_ids"].masked_fill(row["attention_mask"] == 0, -100)} for row in rows]


def weights(adapted: Any) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in adapted.named_parameters()}


def adamw(adapted: Any) -> Any:
    return torch.optim.AdamW([one for one in adapted.parameters() if one.requires_grad], 2e-4)


def loraplus(adapted: Any) -> Any:
    return create_loraplus_optimizer(adapted, torch.optim.AdamW, lr=2e-4, loraplus_lr_ratio=16)


@pytest.mark.parametrize("make", [adamw, loraplus])
def test_only_adapters_move_and_all_is_put_back(make: Any) -> None:
    adapted = get_peft_model(model(), lora(lora_dropout=0.1))
    before, moved, ratios = weights(adapted), set[str](), set[float]()
    optimizer = make(adapted)

    def loss(model: Any, batch: Any) -> torch.Tensor:
        moved.update(name for name, one in model.named_parameters() if not torch.equal(one, before[name]))
        rates = {group["lr"] for group in optimizer.param_groups if group["params"]}
        ratios.add(round(max(rates) / min(rates)))
        return model(**batch).loss

    tested = lrtune.range_test(adapted, optimizer, batches(), loss, low=1e-5, high=1.0, steps=40, seeds=2)
    assert tested.analysis.recommended is not None
    assert moved == {name for name in before if ".lora_" in name}
    assert ratios == {16 if make is loraplus else 1}
    after = weights(adapted)
    assert all(torch.equal(one, after[name]) for name, one in before.items())
    assert {name for name, one in adapted.named_parameters() if one.requires_grad} == moved
    assert not optimizer.state
