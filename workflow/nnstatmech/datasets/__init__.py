"""Image data sets: what they are, where they come from, how they are checked."""

from .dataset import Dataset

__all__ = ["Dataset"]
