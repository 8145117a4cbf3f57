"""`lrtune mcp`: the tools of a service, for agents that speak the Model Context Protocol.

`command` is the command; `serving` speaks over standard input and output, or HTTP, by the package `mcp`; `server` lists
and calls what is in `tools`, a file a noun. What trains is the agent: `worker` keeps the trials that it leased.
"""
