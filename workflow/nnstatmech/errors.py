"""Errors that their message explains whole."""


class NamedProblem(RuntimeError):
    """What is wrong and how to mend it, in one line; a traceback would add nothing for the reader of a log."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))
