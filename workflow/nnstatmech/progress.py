"""Progress of long computations: one line a second in a log, and a heartbeat that a monitor can read."""

from functools import partial

from tqdm import tqdm

no_progress = partial(tqdm, disable=True)
