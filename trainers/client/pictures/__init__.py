"""Pictures in Python: what a study has is read, drawn by `service.pictures`, and shown by plotly or kept as a PNG."""
