"""Several processes that serve one database: a request for a study that another one serves goes on to that one."""
