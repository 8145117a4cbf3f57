"""Suggestions, a file for each thing that one may rest on.

`cold_start` rests on range tests, past studies or what is usual; `unfinished` on trainings that are
under way; `best_trial` on the best of few; `along_rate` on the posterior along the rate; `ladder` on short trainings;
`without_rate` is for studies that search none. `draft` has what they share. `notes` are warnings that go with any.
"""
