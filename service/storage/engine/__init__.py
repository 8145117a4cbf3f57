"""The engine: the parts of the storage put together, and their lives.

`engine` is what the rest of the service sees: it finds, loads and changes studies. `loader` reads a study into memory
once, however many ask for it, with a dozen set-based queries on one snapshot; changes of it that are still to be
committed are waited for. `purge` removes the rows of deleted studies; `upkeep` runs other small transactions between
the commits; `overview` reads many studies for lists. Where several processes share the database, `shard_keeper` takes
shards and gives them up. `writer_thread` becomes the writer (lock, schema, names and ids), stays it (it looks at the
connection every two seconds, as long as the `pulse` of the event loop says that it turns; it carries SQLite's log over,
drops idle studies, lets `purge` go on), and commits where no event loop does. When the database goes away the mirrors
are thrown away, the thread tries to become the writer again, and loads anew: the database is the truth. Where it finds
another process in its place, it tells the owner, who ends this one.
"""
