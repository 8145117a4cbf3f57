"""Who may do what, on the wire: `bodies` are tokens, who one is, and what was done; `secrets` is how a token's secret
looks; `credentials` is where a program finds its own."""
