"""The HTTP face: endpoints that parse, call one function of `lrtune.service.tuning`, and shape the answer."""
