"""Decisions: which trial next, whether to go on, when a study is done, what to suggest."""
