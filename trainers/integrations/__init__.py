"""Other people's frameworks: a small file each, which knows one of them and the client.

Users import them as `lrtune.sklearn`, `lrtune.lightgbm`, …; each needs the extra of its name.
"""
