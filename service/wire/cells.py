"""Cells of tables that people open in a spreadsheet."""


def safe_cell(cell: object) -> object:
    """Text that a spreadsheet would run as a formula is quoted (CWE-1236)."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") and cell != "-inf" else cell
