"""Decisions on the evidence: which point next, which trial goes on."""
