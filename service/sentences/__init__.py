"""What is said about a study, its trials and its learning rate, in whole sentences; a file a subject.

Values in, text out: nothing is decided here, and nothing else of lrtune is imported, so the service, its command line
and the trainers say the same. docs/reference/sentences.md shows every study of tests/sentences with what is said of it.
"""
