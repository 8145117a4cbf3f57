"""Pictures: what was measured in, a description of what is seen out.

One function a picture, pure, in a room by what it is about: the rate, the space, progress, a trial. What it makes
(`parts`), and in which colours (`looks`), is the same whatever draws it (`drawing`). Nothing here knows the service.
"""
