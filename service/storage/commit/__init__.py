"""From a change to the disk: changes are gathered into batches, and each batch is one transaction.

A change is made in a `with` (`open_change`), under the lock of the mirrors: `changes` alters the mirror at once and
notes the rows. At the end of the block it joins the forming `batch` of the `queue`, and its coroutine or thread waits
for the batch's `completion`. One batch at a time is taken and written. In a service the event loop does it
(`event_loop`) once it has nothing more to add: on SQLite itself; to PostgreSQL it sends the batch and goes on, while
the next one forms. The `committer`'s thread does it where no loop runs, and whatever the loop must not wait for. The
end of a batch wakes all who wait: so an answer means "on disk", and requests that come together share one fsync. What
people do to studies is noted in the change that does it, by whom, and `deeds` logs it then; `optuna_deeds` says what of
Optuna's interface that is.

If the commit fails, every change of the batch and of the one forming behind it fails, all mirrors are thrown away and
the `writer_state` is `away`. If the database refuses a row, or another process has locked it, the batch is committed
`change_by_change` and only the bad one fails, with what was decided on top of it; `locked_studies` are left alone for a
while.
"""
