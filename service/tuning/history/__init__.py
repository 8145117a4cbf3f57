"""What past studies found, for later ones.

As trials end, `recording` keeps a study's best rate with each optimizer, where that is news. When a study is created,
or someone without a study asks, `lookup` pools what was kept for the same optimizer or family into a prior. `plateau`
says which rates come near a best one.
"""
