"""Whether a training goes on, and what such verdicts rest on."""
