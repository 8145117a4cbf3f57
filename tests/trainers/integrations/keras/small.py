"""The example that every newcomer to Keras knows: 1,000 × 20 numbers, one hidden layer, two classes."""

from typing import Any

import keras
import numpy as np

_random = np.random.default_rng(0)
X = _random.random((1000, 20), dtype=np.float32)
Y = (X[:, :1] + X[:, 1:2] > 1).astype(np.float32)


def network(learning_rate: Any = 0.001, *, seed: int = 0, dropout: float = 0.0) -> Any:
    """Compiled, with the same weights every time."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dropout(dropout)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(learning_rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Any, *callbacks: Any, epochs: int = 3, **how: Any) -> dict[str, list[float]]:
    """The history of a training, in which the rate rises by a tenth an epoch; on few of the samples, to be short."""
    rises = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 1.1)
    how = {"validation_split": 0.2, **how}
    history = model.fit(X[:200], Y[:200], epochs=epochs, verbose=0, callbacks=[rises, *callbacks], **how)
    return dict(history.history)
