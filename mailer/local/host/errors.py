"""What stops the host from starting. Touches nothing."""


class StartupError(Exception):
    """The host cannot start. The text says what is wrong and what to do."""
