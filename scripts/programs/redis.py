# SPDX-License-Identifier: MIT
"""redis-server, loaded and asked by a fixed script of commands, then under redis-benchmark.

The replies and the digest of the data are the output; redis-benchmark draws random keys and so
comes after them. The server is what is measured: its CPU time and memory, and as wall time the
time in which its clients got their answers. Debian links it to jemalloc, so that glibc's malloc
has to be preloaded as well for the baseline.
"""

import re
import socket
import subprocess
import time

from . import measure
from .workload import TIMEOUT, Workload

BENCHMARK = ["-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset", "-n", "40000",
             "-r", "20000", "-P", "16", "-d", "250", "-c", "10", "-q"]
CHUNK = 400  # commands sent before their replies are read
MARK = b"the end of a chunk"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def encode(words):
    """A command in redis's protocol."""
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def commands(count):
    """Writes and reads of every data type whose replies do not depend on hashing."""
    for i in range(count):
        key = i * 7919 % 9001
        yield "SET", f"s{key}", f"{i:x}" * (1 + i % 40)
        yield "APPEND", f"s{(key * 3) % 9001}", "-" * (i % 60)
        yield "HSET", f"h{key % 700}", f"f{i % 180}", i, f"g{i % 7}", "v" * (i % 90)
        yield "RPUSH", f"l{key % 300}", i, f"value {i}"
        yield "SADD", f"t{key % 400}", i % 1000, f"m{i % 77}"
        yield "ZADD", f"z{key % 250}", i % 513, f"m{i % 600}"
        yield "HGET", f"h{(key + 1) % 700}", "f3"
        yield "GET", f"s{(key + 5) % 9001}"
        if i % 10 == 0:
            yield "LRANGE", f"l{key % 300}", -5, -1
            yield "ZRANGE", f"z{key % 250}", 0, 9, "WITHSCORES"
            yield "LTRIM", f"l{key % 300}", -150, -1
            yield "SORT", f"t{key % 400}", "ALPHA", "LIMIT", 0, 5
            yield "DEL", f"s{(key + 11) % 9001}", f"t{(key + 3) % 400}"
    yield "DBSIZE",
    yield "DEBUG", "DIGEST"


def chunks(every):
    """The commands as byte strings, each of which ends by asking for MARK."""
    encoded = [encode(words) for words in every]
    for start in range(0, len(encoded), CHUNK):
        yield b"".join(encoded[start:start + CHUNK]) + encode(["ECHO", MARK.decode()])


class Redis(Workload):
    """The server's side of it; see the head of the file."""

    name = "redis-server"
    baseline_preload = "libc.so.6"
    outputs = ["stdout"]  # its log holds times and process ids

    def __init__(self, folder, root):
        super().__init__(folder, root)
        self.port = 0
        self.client_seconds = 0.0
        self.chunks = []
        self.can_switch_debug = False

    def prepare(self):
        version = measure.run_quietly(["redis-server", "--version"]).decode()
        found = re.search(r"v=(\d+)", version)
        self.can_switch_debug = found is not None and int(found[1]) >= 7
        self.chunks = list(chunks(commands(9000)))

    def command(self):
        words = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--loglevel", "warning", "--logfile", "log",
                 "--jemalloc-bg-thread", "no"]
        return words + (["--enable-debug-command", "local"] if self.can_switch_debug else [])

    def run(self, wrap):
        self.port = free_port()
        return super().run(wrap)

    def wait(self, process):
        try:
            self.serve_clients(process)
        except (OSError, subprocess.SubprocessError) as error:
            log = self.work / "log"
            last = log.read_text(errors="replace")[-300:] if log.exists() else ""
            raise measure.RunFailed(f"{error}; its log ends: {last}") from None
        return super().wait(process)

    def serve_clients(self, process):
        """Everything the clients do, up to the end of the server."""
        with self.connect(process) as connection:
            start = time.monotonic()
            with open(self.work / "stdout", "wb") as replies:
                for chunk in self.chunks:
                    replies.write(ask(connection, chunk))
            subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(self.port), *BENCHMARK],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=TIMEOUT, env=self.clean_environment(), check=True)
            self.client_seconds = time.monotonic() - start
            connection.sendall(encode(["SHUTDOWN", "NOSAVE"]))

    def connect(self, process):
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=60)
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise ConnectionError("it does not answer on its port")

    def wall(self, cost):
        return self.client_seconds


def ask(connection, chunk):
    """Sends a chunk and returns the replies to it."""
    connection.sendall(chunk)
    replies = b""
    end = MARK + b"\r\n"
    while not replies.endswith(end):
        received = connection.recv(1 << 20)
        if not received:
            raise ConnectionError("it closed the connection")
        replies += received
    return replies
