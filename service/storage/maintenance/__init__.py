"""Looking after a database: upgrade, check, backup, restore."""
