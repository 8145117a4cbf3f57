"""What can go wrong with a service inside the process. Each text is one line and says what to do."""


class CannotEmbed(Exception):
    """The file cannot be served from within this process."""


class ServiceEnded(Exception):
    """The service inside the process serves no more: it was closed, or lost its file to another process."""
