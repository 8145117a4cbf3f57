"""What is put back or kept of a training.

`random_state` holds every generator of the process, `snapshots` puts a model, its optimizer and its batches back bit
for bit after a range test, and `checkpoints` are files, written whole or not at all, to go on from.
"""
