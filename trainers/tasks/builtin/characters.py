"""A small transformer that predicts the next character of Python's own documentation.

The text is the Zen of Python and the docstrings of some modules of the standard library, read from the running
Python: it is the same on every machine with the same Python version. The metric is the validation cross-entropy in
nats a character.
"""

import builtins
import codecs
import collections
import datetime
import functools
import importlib
import inspect
import io
import itertools
import json
import math
import random
import re
import statistics
import string
import textwrap
import threading
from contextlib import redirect_stdout
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.gradient import Parts, TensorTask
from lrtune.trainers.tasks.loop import on_lease
from lrtune.trainers.tasks.protocols import Params
from lrtune.trainers.tasks.splits import Rows, Splits

MODULES: tuple[ModuleType, ...] = (
    *(builtins, collections, datetime, functools, io, itertools, json, math, random, re, statistics, string),
    *(textwrap, threading),
)
ALPHABET = string.printable[:95] + "\n"
MOST_CHARACTERS = 40_000
CONTEXT = 64
"""Characters a prediction may look back on."""
WIDTH = 32
HEADS = 4


@cache
def text() -> str:
    """What is learned, at most `MOST_CHARACTERS` long, of the characters in `ALPHABET` only."""
    with redirect_stdout(io.StringIO()):
        zen = importlib.import_module("this")
    pieces: list[str | None] = [codecs.decode(zen.s, "rot13")]
    for module in MODULES:
        pieces += [inspect.getdoc(module), *(inspect.getdoc(value) for _, value in _members(module))]
    known = set(ALPHABET)
    unique = dict.fromkeys(piece for piece in pieces if piece)
    return "".join(character for character in "\n\n".join(unique) if character in known)[:MOST_CHARACTERS]


def _members(module: ModuleType) -> list[tuple[str, Any]]:
    """The public classes and functions of a module, with the classes' methods, by name."""
    found: list[tuple[str, Any]] = []
    for name in sorted(vars(module)):
        value = getattr(module, name)
        if name.startswith("_") or not callable(value):
            continue
        found.append((name, value))
        if inspect.isclass(value):
            found += [(key, value) for key, value in sorted(vars(value).items()) if not key.startswith("_")]
    return found


class Characters(TensorTask):
    """Inputs and targets [n, CONTEXT] of character numbers: each target is the character after."""

    def splits(self) -> Splits:
        return Splits(size=(len(text()) - 1) // CONTEXT)

    def prepare(self, train: Rows, valid: Rows) -> Parts:
        numbers = {character: number for number, character in enumerate(ALPHABET)}
        whole = torch.tensor([numbers[character] for character in text()])
        rows = (len(whole) - 1) // CONTEXT
        inputs = whole[: rows * CONTEXT].view(rows, CONTEXT)
        targets = whole[1 : rows * CONTEXT + 1].view(rows, CONTEXT)
        return Parts(inputs[train], targets[train], inputs[valid], targets[valid])

    def network(self, params: Params) -> nn.Module:
        return Transformer(int(params.get("num_layers", 1)), float(params.get("dropout", 0.0)))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        inputs, targets = batch
        return cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


class Transformer(nn.Module):
    """Character numbers [n, CONTEXT] to logits of the next character [n, CONTEXT, characters]; norms first."""

    mask: Tensor

    def __init__(self, layers: int, dropout: float) -> None:
        super().__init__()
        self.characters = nn.Embedding(len(ALPHABET), WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(ALPHABET))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        hidden = self.characters(numbers) + self.places.weight
        for layer in self.layers:
            hidden = layer(hidden, src_mask=self.mask, is_causal=True)
        return self.head(self.norm(hidden))  # type: ignore[no-any-return]


TASK = Characters(CATALOGUE["characters"])
train = on_lease(TASK)
