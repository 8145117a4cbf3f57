"""What stands before the endpoints.

`hosts` says who may talk, `limits` how large a body may be; `fast_lane` answers what workers call all the time.
`headers` is what every answer tells browsers, `proxies` what stands before the service.
"""
