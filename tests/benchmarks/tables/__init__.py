"""Smaller tables of docs/, one program each."""
