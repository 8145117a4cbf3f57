"""What `lrtune study watch` shows on a terminal: `seen` is read from the service, `screen` lays it out."""
