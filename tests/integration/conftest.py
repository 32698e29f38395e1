"""Commands in processes of their own, forked from one that has imported everything, and a model that costs nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PATIENCE = 120.0
"""Seconds after which a command that does not end is a failure."""


@dataclass(frozen=True)
class Done:
    """A command that ended; `code` is minus the signal where one ended it."""

    code: int
    output: str
    errors: str


class Command:
    """A command at work, in the process `pid`, which leads a group of its own."""

    def __init__(self, pid: int, output: int, errors: int, news: int) -> None:
        self.pid, self._output, self._errors, self._news = pid, output, errors, news
        self._said = b""
        self._code: int | None = None

    def says(self, words: str) -> None:
        """Wait until it has said these words on standard error. Fails if it ends without them."""
        while words not in self._said.decode():
            if self._code is not None:
                pytest.fail(f"it ended without saying {words!r}:\n{self._said.decode()}")
            self._listen()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, and to none of its children."""
        os.kill(self.pid, number)

    def ends(self) -> Done:
        """Wait for its end; children may be left."""
        while self._code is None:
            self._listen()
        for descriptor in (self._errors, self._news):
            os.close(descriptor)
        with os.fdopen(self._output, encoding="utf-8") as output:
            output.seek(0)
            return Done(self._code, output.read(), self._said.decode())

    def _listen(self) -> None:
        """Read what it says, or that it ended: not before all that it said is read, nor for children that might say
        more.
        """
        ready, _, _ = select.select([self._errors, self._news], [], [], PATIENCE)
        if not ready:
            os.killpg(self.pid, signal.SIGKILL)
            pytest.fail(f"it hangs:\n{self._said.decode()}")
        said = os.read(self._errors, 1 << 16) if self._errors in ready else b""
        self._said += said
        if not said and self._news in ready:
            self._code = int(os.read(self._news, 32))


class Genbench:
    """`genbench ARGUMENTS`, in a folder. `cheap` are overrides for a run of a second at most, `nocost` those for one of
    the model without costs and one metric.
    """

    cheap = ("debug=quick", "timing.repetitions=1", "timing.seconds=0.01")
    nocost = ("model=nocost", "features=counted", "metrics=[frechet_distance]", *cheap)

    def __init__(self, connection: socket.socket, environment: Mapping[str, str]) -> None:
        self.connection, self.environment = connection, environment

    def start(
        self, folder: Path, *arguments: str, signalled: tuple[int, str, int] | None = None, **environment: str
    ) -> Command:
        """Start the command. With `signalled`, a signal, words and a number, it gets the signal just before it puts a
        file in its place whose path holds the words, when that has happened so many times.
        """
        request = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": {**self.environment, **environment},
            "signalled": signalled,
        }
        output, name = tempfile.mkstemp()
        os.unlink(name)
        errors, write_errors = os.pipe()
        news, write_news = os.pipe()
        socket.send_fds(self.connection, [json.dumps(request).encode()], [output, write_errors, write_news])
        os.close(write_errors)
        os.close(write_news)
        return Command(int(_line(news)), output, errors, news)

    def together(self, folder: Path, *arguments: str, **environment: str) -> list[Command]:
        """Start the command in two processes, which find each other as those of torchrun do."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **environment}
        return [self.start(folder, *arguments, RANK=rank, LOCAL_RANK=rank, **meeting) for rank in "01"]

    def __call__(self, folder: Path, *arguments: str, **options: Any) -> Done:
        """Run the command to its end."""
        return self.start(folder, *arguments, **options).ends()


def _line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(descriptor, 1)
    return line


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What every command is given: one thread, the model without costs, a launcher, and device locks of its own."""
    return {
        "OMP_NUM_THREADS": "1",
        "GENBENCH_PLUGINS": str(HERE / "plugins"),
        "GENBENCH_LOCKS": str(tmp_path_factory.mktemp("locks")),
        "PYTHONPATH": os.pathsep.join([str(HERE / "elsewhere"), *filter(None, sys.path)]),
    }


@pytest.fixture(scope="session")
def genbench(environment: dict[str, str]) -> Iterator[Genbench]:
    """Runs commands."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, str(HERE / "forking.py"), str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env={**os.environ, **environment})
    theirs.close()
    yield Genbench(ours, environment)
    ours.close()
    process.wait(timeout=30)
