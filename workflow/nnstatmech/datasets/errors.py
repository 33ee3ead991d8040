"""The one error of data sets."""


class DataError(RuntimeError):
    """Data that are missing, damaged or not what they should be: one line that names the file and the mend."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))
