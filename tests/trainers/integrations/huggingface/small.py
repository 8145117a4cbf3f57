"""A BERT of two layers with random weights, made from its configuration: nothing is downloaded."""

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

_generator = torch.Generator().manual_seed(0)
_TOKENS = torch.randint(5, 50, (64, 8), generator=_generator)
DATA = [{"input_ids": tokens, "labels": int(tokens[0] > 27)} for tokens in _TOKENS]

transformers.utils.logging.disable_progress_bar()


def model(*, dropout: float = 0.0) -> Any:
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 16}
    drops = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return BertForSequenceClassification(BertConfig(vocab_size=50, max_position_embeddings=8, **layers, **drops))


def trainer(folder: Path, *callbacks: Any, dropout: float = 0.0, model_init: Any = None, **how: Any) -> Any:
    """Four optimizer steps an epoch, three epochs, evaluated after each."""
    how = {"num_train_epochs": 3, "eval_strategy": "epoch", "save_strategy": "no", "learning_rate": 1e-3, **how}
    sizes = {"per_device_train_batch_size": 16, "per_device_eval_batch_size": 64}
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, disable_tqdm=True, logging_strategy="no", **sizes, **how
    )
    given = {"model": model(dropout=dropout)} if model_init is None else {"model_init": model_init}
    return Trainer(args=arguments, train_dataset=DATA, eval_dataset=DATA[:32], callbacks=list(callbacks), **given)
