# SPDX-License-Identifier: MIT
"""redis-server for tests, on a socket in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
import time

IS_INSTALLED = all(map(shutil.which, ("redis-server", "redis-cli", "redis-benchmark")))


class RedisServer:
    """Runs from the constructor, which returns when it can be asked, to the end of the block."""

    def __init__(self, environment):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, "socket")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir",
             self.folder.name, "--activedefrag", "no"],
            env=environment, stdout=subprocess.DEVNULL)
        self.pid = self.server.pid
        for _ in range(1200):
            if os.path.exists(self.socket):
                break
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.server.kill()
        self.server.wait()
        self.folder.cleanup()

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", self.socket, *map(str, words)], text=True,
                              capture_output=True, check=True, timeout=60)
        return done.stdout.strip()
