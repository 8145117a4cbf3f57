"""Alembic revisions of lrtune's own tables. Optuna's tables are Optuna's business."""
