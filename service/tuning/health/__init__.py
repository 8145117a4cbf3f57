"""The health of a study: one question a file, each a pure function from `evidence.Evidence` to a card.

`look` reads the evidence under the engine's lock, at a cost that does not grow with the history; `health` asks all
questions in a thread and keeps the answers. A card is `good` only where that was measured. The questions are those of a
person who watches a search; the form is that of Ax's `analysis/healthcheck`.
"""
