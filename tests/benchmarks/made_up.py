"""Made-up learning curves in the files that the benchmarks read."""

from pathlib import Path

import numpy as np

RATES = np.geomspace(1e-5, 10**1.5, 27)
TASKS = ("a", "b", "c")
BEST = {"a": -3.0, "b": -2.5, "c": -2.0}
SLICES = 20


def write_small_trainings(folder: Path) -> None:
    """Valleys that lie a quarter decade lower for a full training than for a ninth; above 1 diverged."""
    x = np.log10(RATES)
    final = np.full((3, 2, 27, 3, 3), np.nan)
    for i, task in enumerate(TASKS):
        for place in range(3):
            seeds = slice(None) if place == 2 else slice(0, 1)
            loss = 0.1 * np.exp((x - BEST[task] - 0.125 * (2 - place)) ** 2)
            final[i, :, :, place, seeds] = np.where(x > 0, np.inf, loss)[None, :, None]
    tested = np.geomspace(1e-7, 10, 100)
    losses = np.where(np.log10(tested) > 0, np.inf, 1 + 0.1 * (np.log10(tested) + 1.5) ** 2)
    np.savez(
        folder / "small-trainings.npz",
        tasks=np.array(TASKS),
        optimizers=np.array(["adam", "sgdm"]),
        learning_rates=RATES,
        steps=np.tile([44, 133, 400], (3, 1)),
        final_loss=final,
        range_learning_rates=tested,
        range_losses=np.broadcast_to(losses, (3, 2, 2, 100)),
    )


def write_task(folder: Path, name: str, best_place: float) -> None:
    """Losses fall toward a bowl around the best rate; above 1 training diverges halfway."""
    rates = np.geomspace(1e-5, 10.0, 36)
    ends = 0.1 + 0.05 * (np.log10(rates) - best_place) ** 2
    loss = ends[:, None] + 0.5 * (1 - np.arange(1, SLICES + 1) / SLICES)
    loss[rates > 1, SLICES // 2 :] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{name}.npz",
        names=np.array(["learning_rate"]),
        bounds=np.array([[1e-5, 10.0]]),
        scale=np.array(["log"]),
        configs=rates[:, None],
        loss=loss,
        best=ends.min(),
        reference=np.median(ends),
    )
