"""Snakemake, imported once: a process that forks for each call, which so does not wait for a second of imports.

It reads a call a line from its input (JSON: arguments, folder, environment, files for what is printed, seconds at most)
and answers with the exit status of each. A call sees what ``python -m snakemake`` would: its own process, folder,
environment and streams; nothing of the project is imported before the fork.
"""

import json
import os
import runpy
import signal
import sys

import snakemake.cli

CLI = f"{os.path.dirname(snakemake.cli.__file__)}/__main__.py"


def become(call: dict) -> None:
    """Turn this process into that of a call."""
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    for number, path in enumerate((os.devnull, call["stdout"], call["stderr"])):
        stream = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(stream, number)
        os.close(stream)
    sys.path[0] = call["folder"]
    sys.argv[:] = [CLI, *call["arguments"]]
    signal.alarm(call["timeout"])


def main() -> None:
    for line in sys.stdin:
        call = json.loads(line)
        child = os.fork()
        if child == 0:
            become(call)
            runpy.run_path(CLI, run_name="__main__")
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
