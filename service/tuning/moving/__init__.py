"""A study from one service to another: `exporting` makes a file of lines of it, `importing` a study of such a file.

`to_lines` and `from_lines` are the two ways between a mirror and the models of `wire.study_lines`; `kept` is how far an
import is. Until the last line is in, `tuning.studies` shows the study to nobody.
"""
