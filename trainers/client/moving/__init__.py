"""Studies as files: `calls` is what a client offers, `file` checks one, `batches` cuts it into what a request takes."""
