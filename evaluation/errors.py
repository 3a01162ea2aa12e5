"""What is wrong with an evaluation's settings."""


class EvaluationError(ValueError):
    """The evaluation can't be run as asked; the message is one line for who asked."""
