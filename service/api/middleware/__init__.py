"""What stands before the endpoints.

`hosts` says who may talk, `limits` how large a body may be; `fast_lane` answers what workers call all the time.
"""
