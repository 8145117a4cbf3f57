"""Who may do what.

`tokens` makes, rotates and revokes tokens, on a connection to the database; `registry` has them in memory and knows
whose secret it is; `keeper` keeps that as the database has it, within a second, on every process. `access` is what the
endpoints call. `limits` holds tokens and addresses to their limits, `metered` counts studies, trials and steps for it.
`audit` is what was done by whom, `files` are secrets that come in files. `offline` is `access` for a command on the
database itself. `doors` is the table of what each door asks for, `optuna_doors` that of Optuna's gRPC protocol;
`principal` who came in. Whether someone may is decided in `check` alone: `lrtune.service.api.middleware.access` asks it
for whatever comes by HTTP, and `lrtune.service.api.optuna.letting_in` for gRPC.
"""
