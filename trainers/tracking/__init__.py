"""Trials mirrored to where somebody watches trainings already: MLflow, TensorBoard, W&B, or a tracker of one's own.

`tracker` is what a tracker has to offer, and what it is told. `runs` brings the runs of one up to date, whoever has
news of a trial: `tracking`, beside a training, by a `writer` for each tracker, whose thread alone waits for it; or
`lrtune.trainers.client.mirror`, from outside. `lock` sees to it that one process at a time writes a trial.
"""
