"""Which tables the functions of this family say that they take."""

import pytest

from nnstatmech.planning.plan import Plan
from nnstatmech.planning.settings import read_settings

from .small import family_config, laptop_plan
