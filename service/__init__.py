"""lrtune's service: what owns the studies, hands out trials and suggests learning rates."""
