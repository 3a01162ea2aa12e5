"""What export refuses."""


class ExportError(ValueError):
    """The base model can't be exported; the message names what is in the way."""
