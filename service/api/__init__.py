"""The HTTP face: endpoints that parse, call one function of `service.tuning`, and shape the answer."""
