"""JSON-RPC 2.0 with one Node process, used by many threads at once.

Whoever waits for an answer reads the pipe itself when nobody else does: with a busy interpreter each hand-over between
threads costs up to 5 ms per competing thread. The first caller leads, later ones follow and are woken by it; a leader
that leaves wakes the next. A background thread reads while nobody calls, so that notifications arrive when idle.
"""

import os
import select
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Protocol

from .failure import BadAnswer, BadValue, BridgeFailure, CallTimeout, ConnectionLost, WireError
from .frames import FrameParser, FramingError, decode, encode
from .writer import DeadlinePassed, FrameWriter

# Of 0.4 MB each. What fits into Node's memory fits in here; an endless answer would fill the manager's.
PAGE_LIMIT = 5000
READ_SIZE = 256 * 1024
# How long the background thread keeps away after it met a caller that reads.
LINGER = 0.02
# A cancellation may take this long to write; it is not worth more of a caller's time.
SHORT_WRITE = 0.5
# An answer of ours, from a thread of its own.
LONG_WRITE = 10.0


class Handler(Protocol):
    """What the connection tells. All but `ended` must return at once and run in whichever thread reads."""

    def notification(self, method: str, params: Any) -> None: ...

    def request(self, request_id: Any, method: str, params: Any) -> None: ...

    def broken(self, reason: str) -> None:
        """The stream or the other side cannot be used any more; the process must end."""

    def ended(self) -> str:
        """The other side closed the stream; says why, at once or after a moment."""


class _Pending:
    """A request that waits for its answer."""

    __slots__ = ("done", "error", "on_result", "pages", "result", "wake")

    def __init__(self, pages: Optional[List[Any]], on_result: Optional[Callable[[Any], None]]) -> None:
        self.wake = threading.Lock()
        self.wake.acquire()
        self.done = False
        self.result: Any = None
        self.error: Optional[BridgeFailure] = None
        self.pages = pages
        self.on_result = on_result

    def rouse(self) -> None:
        """Wakes the waiting thread: the answer is there, or it is its turn to read."""
        try:
            self.wake.release()
        except RuntimeError:
            pass  # roused already

    def settle(self, result: Any, error: Optional[BridgeFailure]) -> None:
        self.result = result
        self.error = error
        self.done = True
        self.rouse()


class Connection:
    """One connection, from the start of a Node process to its end. Takes over both descriptors."""

    def __init__(self, read_fd: int, write_fd: int, handler: Handler) -> None:
        self._read_fd = read_fd
        os.set_blocking(read_fd, False)
        self._handler = handler
        self._writer = FrameWriter(write_fd, lambda: self._closed, self._end)
        self._parser = FrameParser()
        self._poller = select.poll()
        self._poller.register(read_fd, select.POLLIN)
        self._mutex = threading.Lock()
        self._reading = threading.Lock()
        self._pending: Dict[int, _Pending] = {}
        self._pages: Dict[str, List[Any]] = {}
        self._followers: Dict[_Pending, None] = {}
        self._callers = 0
        self._last_id = 0
        self._closed: Optional[str] = None
        self.last_received = time.monotonic()

    def start(self) -> None:
        """Starts the background thread. Call once."""
        threading.Thread(target=self._run_background, name="orchbridge-read", daemon=True).start()

    @property
    def closed(self) -> Optional[str]:
        """Why the connection is gone, or None while it lives."""
        return self._closed

    @property
    def pending(self) -> int:
        """How many requests wait for an answer."""
        return len(self._pending)

    def call(
        self,
        method: str,
        params: Dict[str, Any],
        timeout: float,
        *,
        partial: Optional[str] = None,
        on_result: Optional[Callable[[Any], None]] = None,
    ) -> Any:
        """Asks and waits for the answer, at most `timeout` seconds.

        `partial` is the token under which the answer may come in pages; `on_result` runs where the answer is read,
        before any later message is. Raises WireError, CallTimeout, ConnectionLost, BadValue or BadAnswer.
        """
        deadline = time.monotonic() + timeout
        pages: Optional[List[Any]] = [] if partial is not None else None
        pending = _Pending(pages, on_result)
        request_id = self._register(pending, partial)
        try:
            self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}, deadline)
            self._wait(pending, deadline)
        except DeadlinePassed:
            self._cancel(request_id)
            raise CallTimeout(f"timed out after {timeout:g} s in {method}: Node did not answer") from None
        finally:
            with self._mutex:
                self._pending.pop(request_id, None)
                if partial is not None:
                    self._pages.pop(partial, None)
        if pending.error is not None:
            raise pending.error
        return pending.result if pages is None else _assembled(method, pending.result, pages)

    def notify(self, method: str, params: Dict[str, Any], timeout: float = SHORT_WRITE) -> None:
        """Sends a notification. Raises as `call` does."""
        try:
            self._send({"jsonrpc": "2.0", "method": method, "params": params}, time.monotonic() + timeout)
        except DeadlinePassed:
            raise CallTimeout(f"could not send {method} within {timeout:g} s: Node does not read") from None

    def respond(self, request_id: Any, result: Any) -> None:
        """Answers a request of the other side."""
        self._answer({"jsonrpc": "2.0", "id": request_id, "result": result})

    def respond_error(
        self, request_id: Any, code: int, message: str, data: Dict[str, Any], timeout: float = LONG_WRITE
    ) -> None:
        """Answers a request of the other side with an error."""
        error = {"code": code, "message": message, "data": data}
        self._answer({"jsonrpc": "2.0", "id": request_id, "error": error}, timeout)

    def close(self, reason: str) -> None:
        """Settles every pending call with `reason`; calls made from now on fail with it at once.

        The other side sees the end of its input.
        """
        with self._mutex:
            if self._closed is not None:
                return
            self._closed = reason
            pending = list(self._pending.values())
            self._pending.clear()
        for entry in pending:
            entry.settle(None, ConnectionLost(reason))
        self._writer.close()

    # Waiting and reading

    def _register(self, pending: _Pending, partial: Optional[str]) -> int:
        with self._mutex:
            if self._closed is not None:
                raise ConnectionLost(self._closed)
            self._last_id += 1
            self._pending[self._last_id] = pending
            if partial is not None and pending.pages is not None:
                self._pages[partial] = pending.pages
            return self._last_id

    def _wait(self, pending: _Pending, deadline: float) -> None:
        with self._mutex:
            self._callers += 1
        try:
            while not pending.done:
                # Before the try, so that a leader that leaves in between wakes us.
                with self._mutex:
                    self._followers[pending] = None
                if self._reading.acquire(blocking=False):
                    self._lead(pending, deadline)
                elif not pending.wake.acquire(timeout=max(0.0, deadline - time.monotonic())) and not pending.done:
                    raise DeadlinePassed
        finally:
            with self._mutex:
                self._callers -= 1
                self._followers.pop(pending, None)
                # Its turn to read came just as it gave up.
                if not pending.done and pending.wake.acquire(blocking=False):
                    self._rouse_next()

    def _lead(self, pending: _Pending, deadline: float) -> None:
        try:
            with self._mutex:
                self._followers.pop(pending, None)
            while not pending.done and self._closed is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._poller.poll(remaining * 1000):
                    raise DeadlinePassed
                self._read()
        finally:
            self._stop_reading()

    def _stop_reading(self) -> None:
        self._reading.release()
        with self._mutex:
            self._rouse_next()

    def _rouse_next(self) -> None:
        """Makes it another caller's turn to read. Call with the mutex."""
        follower = next((entry for entry in self._followers if not entry.done), None)
        if follower is not None:
            del self._followers[follower]
            follower.rouse()

    def _run_background(self) -> None:
        poller = select.poll()
        poller.register(self._read_fd, select.POLLIN)
        while self._closed is None:
            poller.poll()
            if self._callers == 0 and self._reading.acquire(blocking=False):
                try:
                    if self._closed is None:
                        self._read()
                finally:
                    self._stop_reading()
            else:
                time.sleep(LINGER)
        with self._reading:  # nobody else can be using the descriptor now
            os.close(self._read_fd)

    def _read(self) -> None:
        """Reads what is there and delivers it. Holds the lock of reading; never raises."""
        try:
            data = os.read(self._read_fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(f"cannot read from the Node process: {error}")
            return
        if not data:
            self._end()
            return
        self.last_received = time.monotonic()
        try:
            for body in self._parser.feed(data):
                self._dispatch(decode(body))
        except FramingError as error:
            self._break(f"the Node process broke the protocol: {error}")

    def _break(self, reason: str) -> None:
        self._handler.broken(reason)
        self.close(reason)

    def _end(self) -> None:
        self.close(self._handler.ended())

    # Messages

    def _dispatch(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise FramingError(f"expected a JSON-RPC message, got {type(message).__name__}")
        method, request_id = message.get("method"), message.get("id")
        if isinstance(method, str):
            params = message.get("params", {})
            if request_id is not None:
                self._handler.request(request_id, method, params)
            elif method == "$/progress":
                self._add_page(params)
            else:
                self._handler.notification(method, params)
        elif "result" in message or "error" in message:
            self._settle(request_id, message)
        else:
            raise FramingError(f"neither a request nor an answer: keys {sorted(message)}")

    def _add_page(self, params: Any) -> None:
        token = params.get("token") if isinstance(params, dict) else None
        if not isinstance(token, str) or not isinstance(params.get("value"), list):
            raise FramingError("$/progress: expected a token as text and a list")
        # A page of a call that was given up meanwhile is nobody's.
        pages = self._pages.get(token)
        if pages is not None:
            if len(pages) >= PAGE_LIMIT:
                raise FramingError(f"$/progress: more than {PAGE_LIMIT} pages of one answer")
            pages.append(params["value"])

    def _settle(self, request_id: Any, message: Dict[str, Any]) -> None:
        with self._mutex:
            # Not isinstance: `true` is no 1.
            pending = self._pending.pop(request_id, None) if type(request_id) is int else None
        if pending is None:
            return  # cancelled meanwhile
        error = message.get("error")
        if error is not None:
            pending.settle(None, _wire_error(error))
            return
        try:
            if pending.on_result is not None:
                pending.on_result(message.get("result"))
        except BridgeFailure as failure:
            pending.settle(None, failure)
        except Exception as bug:
            # Not passed on: this may run in the thread of another caller.
            pending.settle(None, BadAnswer(f"cannot read the answer: {type(bug).__name__}: {bug}"))
        else:
            pending.settle(message.get("result"), None)

    def _cancel(self, request_id: int) -> None:
        try:
            self.notify("$/cancelRequest", {"id": request_id})
        except BridgeFailure:
            pass  # it is stuck or gone: the watchdog sees to that

    def _answer(self, message: Dict[str, Any], timeout: float = LONG_WRITE) -> None:
        try:
            self._send(message, time.monotonic() + timeout)
        except (DeadlinePassed, ConnectionLost):
            pass  # nobody is left who could read it

    def _send(self, message: Dict[str, Any], deadline: float) -> None:
        try:
            frame = encode(message)
        except (ValueError, TypeError, RecursionError) as error:
            raise BadValue(f"{message.get('method', 'an answer')}: {error}") from error
        self._writer.write(frame, deadline)


def _wire_error(error: Any) -> WireError:
    if not isinstance(error, dict):
        return WireError(-32603, f"an error that is no object, but a {type(error).__name__}")
    code, message, data = error.get("code"), error.get("message", ""), error.get("data")
    return WireError(
        code if type(code) is int else -32603,
        message if isinstance(message, str) else f"an error whose message is a {type(message).__name__}",
        data if isinstance(data, dict) else None,
    )


def _assembled(method: str, result: Any, pages: List[Any]) -> Any:
    """The answer of a call that may come in pages: `{pages: n}` says that it did."""
    if not isinstance(result, dict) or set(result) != {"pages"}:
        return result
    if result["pages"] != len(pages):
        raise BadAnswer(f"{method}: expected {result['pages']} pages, got {len(pages)}")
    return [item for page in pages for item in page]
