"""A TCP proxy between ssh and sshd that can be slow, silent, refusing or cut, as a bad line is."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.waiting import PATIENCE_S, take

CHUNK_BYTES = 16_384
TICK_S = 0.01


@dataclass
class Proxy:
    """Forwards 127.0.0.1:`port` to `target`. `cut_after` bytes of one connection towards the server end it, once.

    `sent` bytes went to the server so far, `received` came from there. `is_felt`: somebody had something to send, or
    ended, since the line was frozen.
    """

    target: int
    port: int = 0
    bytes_per_s: float = 0.0
    cut_after: int = 0
    sent: int = 0
    received: int = 0
    is_felt: bool = False
    _frozen_at: int = 0
    _is_upwards: bool = True
    _thawed: threading.Event = field(default_factory=threading.Event)
    _closing: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket | None = None
    _accepting: threading.Thread | None = None
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        listener.settimeout(TICK_S * 10)
        self.port, self._listener = listener.getsockname()[1], listener
        self._thawed.set()
        self._accepting = self._start(self._accept, listener)

    def refuse(self) -> None:
        """Connections are refused from now on; those that are there live on."""
        listener, accepting = self._listener, self._accepting
        self._listener = self._accepting = None
        if listener is not None and accepting is not None:
            listener.close()
            accepting.join(PATIENCE_S)  # it looks once more

    def freeze(self) -> None:
        """Nothing gets through, and nobody is told."""
        self.is_felt = False
        self._thawed.clear()

    def freeze_after(self, size_bytes: int, *, upwards: bool) -> None:
        """Freeze once so many more bytes have gone to the server (`upwards`) or have come from there."""
        self._is_upwards = upwards
        self._frozen_at = (self.sent if upwards else self.received) + max(size_bytes, 1)

    @property
    def is_frozen(self) -> bool:
        return not self._thawed.is_set()

    def thaw(self) -> None:
        self._frozen_at = 0
        self._thawed.set()

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.close()
        return len(pairs)

    def close(self) -> None:
        self._closing.set()
        self.refuse()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _start(self, work: object, *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set() and self._listener is listener:
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self.target), timeout=PATIENCE_S)
                self._pairs.append((client, server))
                self._start(self._forward, client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError, ValueError, KeyError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._closing.is_set() and client.fileno() >= 0:
                if not self._thawed.wait(TICK_S):
                    self.is_felt = self.is_felt or bool(selector.select(0))
                    continue
                for key, _ in selector.select(TICK_S * 10):
                    if not self._pass_on(key.fileobj, key.data, upwards=key.fileobj is client):  # type: ignore[arg-type]
                        return
        for end in (client, server):
            end.close()

    def _pass_on(self, source: socket.socket, target: socket.socket, *, upwards: bool) -> bool:
        """Whether the connection goes on after what was read now."""
        most = self._most(upwards=upwards)
        if most == 0:  # another connection came first
            self.freeze()
            return True
        data = source.recv(most)
        if not data:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            source.close()
            return False
        target.sendall(data)
        self.sent += len(data) if upwards else 0
        self.received += 0 if upwards else len(data)
        if self._frozen_at and self._most(upwards=self._is_upwards) == 0:
            self.freeze()
        if self.bytes_per_s:
            take(len(data) / self.bytes_per_s)
        if upwards and 0 < self.cut_after <= self.sent:
            self.cut_after = 0
            self.cut()
            return False
        return True

    def _most(self, *, upwards: bool) -> int:
        """How much is passed on at once."""
        if not self._frozen_at or upwards != self._is_upwards:
            return CHUNK_BYTES
        return max(0, min(CHUNK_BYTES, self._frozen_at - (self.sent if upwards else self.received)))


@contextmanager
def running_proxy(target: int) -> Iterator[Proxy]:
    """A proxy to that port of this machine, until the block is left."""
    proxy = Proxy(target)
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy.close()
