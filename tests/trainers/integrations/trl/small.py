"""A Llama of two layers with random weights, a tokenizer of eleven words, LoRA: nothing is downloaded."""

from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

_WORDS = ["<pad>", "<eos>", "<unk>", "the", "a", "cat", "dog", "sat", "ran", "on", "mat"]
SENTENCES = ["the cat sat on the mat", "a dog ran on a mat", "the dog sat", "a cat ran on the dog"] * 12

transformers.utils.logging.disable_progress_bar()
disable_progress_bars()


def tokenizer() -> Any:
    """A word is a token."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(_WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def model() -> Any:
    """With the same weights every time."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 32}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(_WORDS), **sizes, **heads))


def lora(**how: Any) -> Any:
    return LoraConfig(**{"r": 2, "lora_alpha": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **how})


def _arguments(folder: Path, **how: Any) -> dict[str, Any]:
    how = {"num_train_epochs": 3, "eval_strategy": "epoch", "save_strategy": "no", "learning_rate": 1e-2, **how}
    quiet = {"disable_tqdm": True, "logging_strategy": "no", "report_to": []}
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": 12,
        "use_cpu": True,
        "bf16": False,
        **quiet,
        **how,
    }


def sft(folder: Path, *callbacks: Any, dropout: float = 0.0, **how: Any) -> Any:
    """Four optimizer steps an epoch, three epochs, evaluated after each; only the adapters are trained."""
    data = Dataset.from_dict({"text": SENTENCES})
    return SFTTrainer(
        model(),
        SFTConfig(**_arguments(folder, **how)),
        train_dataset=data,
        eval_dataset=data.select(range(4)),
        processing_class=tokenizer(),
        peft_config=lora(lora_dropout=dropout),
        callbacks=list(callbacks),
    )


def dpo(folder: Path, *callbacks: Any, **how: Any) -> Any:
    """As `sft`, of preferences: the model without its adapters is the reference."""
    rows = {"prompt": ["the"] * 48, "chosen": [" cat sat"] * 48, "rejected": [" dog ran"] * 48}
    data = Dataset.from_dict(rows)
    return DPOTrainer(
        model(),
        args=DPOConfig(**_arguments(folder, **how)),
        train_dataset=data,
        eval_dataset=data.select(range(4)),
        processing_class=tokenizer(),
        peft_config=lora(),
        callbacks=list(callbacks),
    )
