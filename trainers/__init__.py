"""What trains: the client of an lrtune service, the worker, range tests, training loops, built-in tasks."""
