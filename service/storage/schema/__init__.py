"""The tables: Optuna's and ours, what is stored in them and under which names.

`optuna_tables` is the only module that knows how Optuna makes its tables; `tables` are ours (`lrtune_*`); `codecs`
write and read what Optuna's columns hold; `attributes` names all that lrtune keeps among Optuna's attributes.
"""
