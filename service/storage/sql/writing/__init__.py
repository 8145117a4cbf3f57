"""What is written: `statements` names and describes each kind of row, with its SQL; `rows` builds them from mirrors.

A batch costs one statement a kind, on PostgreSQL one `bulk` statement where there are many rows. `conflicts` are the
checks, within the same transaction, of what another process may have written meanwhile; `unstorable` finds the value
that no database of ours takes. `audited` is the text that is kept of a deed, `retention` removes what is long past.
"""
