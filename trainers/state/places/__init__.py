"""Where files of a training lie: a folder of this machine, or a prefix of an object store that is spoken to by fsspec.

`place` is what each of them offers, `local` and `remote` are the two kinds, `addresses` reads what people write for
one, and `opened` gives the place for that.
"""
