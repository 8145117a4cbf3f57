"""Pages for people, made on the server. They show what is without scripts; pictures that one can point at, what changes
meanwhile and the tools need ours, and nothing comes from elsewhere."""
