"""The one error of data sets."""

from ..errors import NamedProblem


class DataError(NamedProblem):
    """Data that are missing, damaged or not what they should be: the message names the file and the mend."""
