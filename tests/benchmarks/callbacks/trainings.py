"""The small trainings of networks: of 1,000 samples of 20 numbers, a hidden layer of 64, with and without a trial."""

import logging
import os
import tempfile
from typing import Any

import numpy as np

from lrtune import LeasedTrial
from tests.benchmarks.callbacks.training import REPORTS, Fit

EPOCHS = REPORTS
BATCH_SIZE = 25
SAMPLES, FEATURES, HIDDEN = 1000, 20, 64
VALIDATION = 200

_random = np.random.default_rng(0)
_X = _random.random((SAMPLES, FEATURES), dtype=np.float32)
_Y = (_X[:, :1] + _X[:, 1:2] > 1).astype(np.float32)


def keras(trial: LeasedTrial | None) -> Fit:
    """The example that every newcomer knows; its rate rises by a tenth an epoch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras as framework

    from lrtune.keras import TrialCallback

    layers = framework.layers
    model = framework.Sequential([layers.Dense(HIDDEN, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(framework.optimizers.Adam(0.001), loss="binary_crossentropy")
    callbacks: list[Any] = [framework.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 1.1)]
    if trial is not None:
        callbacks.append(TrialCallback(trial))
    how = {"validation_split": VALIDATION / SAMPLES, "batch_size": BATCH_SIZE, "epochs": EPOCHS, "verbose": 0}
    return lambda: model.fit(_X, _Y, callbacks=callbacks, **how)


def lightning(trial: LeasedTrial | None) -> Fit:
    """The same network and data, in a LightningModule."""
    import lightning as framework
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from lrtune.lightning import TrialCallback

    class Net(framework.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

        def loss(self, batch: Any) -> Any:
            return nn.functional.binary_cross_entropy_with_logits(self.net(batch[0]), batch[1])

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.loss(batch)

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", self.loss(batch))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 0.001)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    data = TensorDataset(torch.from_numpy(_X), torch.from_numpy(_Y))
    parts = torch.utils.data.random_split(data, [SAMPLES - VALIDATION, VALIDATION])
    loaders = [DataLoader(part, BATCH_SIZE, shuffle=part is parts[0]) for part in parts]
    callbacks = [] if trial is None else [TrialCallback(trial)]
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    trainer = framework.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", enable_checkpointing=False, callbacks=callbacks, **quiet
    )
    return lambda: trainer.fit(Net(), *loaders)


def huggingface(trial: LeasedTrial | None) -> Fit:
    """A BERT of two layers with random weights, on as many sequences of 16 tokens."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    from lrtune.huggingface import TrialCallback

    tokens = torch.randint(5, 1000, (SAMPLES, 16))
    data = [{"input_ids": row, "labels": int(row[0] > 500)} for row in tokens]
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": HIDDEN}
    arguments = TrainingArguments(
        tempfile.gettempdir(),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH_SIZE,
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    model = BertForSequenceClassification(BertConfig(vocab_size=1000, **sizes))
    trainer = Trainer(model, arguments, train_dataset=data[VALIDATION:], eval_dataset=data[:VALIDATION])
    trainer.remove_callback(PrinterCallback)
    if trial is not None:
        trainer.add_callback(TrialCallback(trial))
    return trainer.train


def trl(trial: LeasedTrial | None) -> Fit:
    """LoRA's adapters of a Llama of two layers with random weights, on as many sequences of 16 tokens."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import datasets
    import torch
    from peft import LoraConfig
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from lrtune.huggingface import TrialCallback

    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"input_ids": torch.randint(1, 1000, (SAMPLES, 16)).tolist()})
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": HIDDEN}
    words = Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>"))
    trainer = SFTTrainer(
        LlamaForCausalLM(LlamaConfig(vocab_size=1000, bos_token_id=0, eos_token_id=0, pad_token_id=0, **sizes)),
        SFTConfig(
            tempfile.gettempdir(),
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH_SIZE,
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
        ),
        train_dataset=rows.select(range(VALIDATION, SAMPLES)),
        eval_dataset=rows.select(range(VALIDATION)),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<pad>"),
        peft_config=LoraConfig(r=8, target_modules="all-linear"),
    )
    trainer.remove_callback(PrinterCallback)
    if trial is not None:
        trainer.add_callback(TrialCallback(trial))
    return trainer.train


def fastai(trial: LeasedTrial | None) -> Fit:
    """The network and data of Lightning's, by one cycle."""
    import torch
    from fastai.basics import DataLoaders, Learner
    from fastai.callback import schedule  # noqa: F401 (gives Learner fit_one_cycle)
    from torch import nn

    from lrtune.fastai import TrialCallback

    samples = list(zip(torch.from_numpy(_X), torch.from_numpy(_Y), strict=True))
    loaders = DataLoaders.from_dsets(samples[VALIDATION:], samples[:VALIDATION], bs=BATCH_SIZE, num_workers=0)
    net = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    learn = Learner(loaders, net, nn.BCEWithLogitsLoss())
    learn.logger = lambda *_: None
    learn.remove_cbs([one for one in learn.cbs if one.name == "progress"])
    return lambda: learn.fit_one_cycle(EPOCHS, 1e-3, cbs=[] if trial is None else [TrialCallback(trial)])
