"""A process that has imported all of genbench and forks: each child runs one command without seconds of imports.

`forking.py FILENO`: requests come through the socket of this number, as JSON with the file descriptors of standard
output, standard error and a pipe that is told the child's process id, and its exit code in the end.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from typing import Any

IMPORTED = (
    *("genbench.cli", "genbench.config.entry", "genbench.config.start", "genbench.config.shown"),
    *("genbench.config.launchers", "genbench.running.benchmark", "genbench.training.loop", "genbench.training.view"),
    *("genbench.data.digits", "genbench.features.pixels", "genbench.metrics.frechet", "genbench.commands.report"),
    *("torch._dynamo", "torch.testing", "torch.utils.flop_counter", "PIL.PngImagePlugin", "rich._emoji_codes"),
    "sklearn.datasets",
)
"""What every command imports sooner or later; plugins are found by the child, which has their folders."""


def serve(connection: socket.socket) -> None:
    """Fork a watcher for each request. Returns when nobody can ask any more, and in each child with its command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # watchers are not waited for
    while True:
        content, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not content:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            connection.close()
            watch(json.loads(content), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def watch(request: dict[str, Any], output: int, errors: int, news: int) -> None:
    """Fork the command and tell of its end. Returns in the child only, when the command ended well."""
    if (child := os.fork()) == 0:
        os.close(news)
        run(request, output, errors)
        return
    os.close(output)
    os.close(errors)
    os.write(news, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(news, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def run(request: dict[str, Any], output: int, errors: int) -> None:
    """The command, as a shell would start it: in a session of its own, in its folder, with its environment."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    if request["signalled"]:
        signalled_before_renaming(*request["signalled"])
    from genbench.cli import main

    main(request["arguments"])


def signalled_before_renaming(number: int, words: str, times: int) -> None:
    """Get the signal just before a file or folder with these words in its path is put in its place, when that has
    happened so many times.
    """
    replace, left = os.replace, times

    def replaced(source: Any, target: Any, **options: Any) -> None:
        nonlocal left
        if words in str(target):
            left -= 1
            if left == -1:
                os.kill(os.getpid(), number)
        replace(source, target, **options)

    os.replace = replaced


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is imported is shared with the children, and not theirs to search
    serve(socket.socket(fileno=int(sys.argv[1])))
