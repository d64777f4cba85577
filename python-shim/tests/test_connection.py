"""The connection, against a real child process."""

import gc
import os
import threading
import time
import unittest
from typing import Any, Callable, List
from unittest import mock

from .peer import PeerTest, until

from orchbridge import frames  # isort: skip
from orchbridge.connection import Connection, _Pending  # isort: skip
from orchbridge.failure import BadAnswer, BadValue, CallTimeout, ConnectionLost, WireError  # isort: skip


class Calls(PeerTest):
    def test_an_answer_comes_back_as_it_was_sent(self) -> None:
        value = {"text": "Grüße \U0001f600 \0", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
        self.assertEqual(self.peer.call("echo", value), value)

    def test_half_a_surrogate_pair_comes_back_as_a_character_that_utf_8_has(self) -> None:
        value = {"\ud800 key": ["\udfff", "\\ud800 \U0001f600"]}
        self.assertEqual(self.peer.call("echo", value), {"\ufffd key": ["\ufffd", "\\ud800 \U0001f600"]})

    def test_an_error_keeps_its_code_message_and_data(self) -> None:
        error = {"code": 1002, "message": "no host h9", "data": {"type": "ValidationError", "errno": 22}}
        with self.assertRaises(WireError) as caught:
            self.peer.call("fail", error)
        self.assertEqual(
            (caught.exception.code, str(caught.exception), caught.exception.data["errno"]), (1002, "no host h9", 22)
        )

    def test_many_threads_get_each_its_own_answer(self) -> None:
        wrong: List[Any] = []

        def work(worker: int) -> None:
            for n in range(200):
                if self.peer.call("echo", {"worker": worker, "n": n}) != {"worker": worker, "n": n}:
                    wrong.append((worker, n))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(wrong, [])
        self.assertFalse(any(thread.is_alive() for thread in threads))

    def test_a_quick_call_does_not_wait_for_a_slow_one_that_began_to_read_first(self) -> None:
        slow = threading.Thread(target=self.peer.call, args=("sleep", {"ms": 3000}))
        slow.start()
        until("the slow call to read", lambda: self.peer.connection.pending == 1)
        began = time.monotonic()
        self.peer.call("echo", {})
        self.assertLess(time.monotonic() - began, 2)
        slow.join()

    def test_a_follower_reads_on_when_the_leader_has_left(self) -> None:
        answers: List[Any] = []
        leader = threading.Thread(target=lambda: answers.append(self.peer.call("sleep", {"ms": 100})))
        leader.start()
        until("the leader to wait", lambda: self.peer.connection.pending == 1)
        follower = threading.Thread(target=lambda: answers.append(self.peer.call("sleep", {"ms": 400})))
        follower.start()
        leader.join()
        follower.join()
        self.assertEqual(answers, [100, 400])

    def test_a_follower_reads_on_when_the_leader_gave_up(self) -> None:
        def lead() -> None:
            with self.assertRaises(CallTimeout):
                self.peer.call("hang", {}, timeout=0.2)

        leader = threading.Thread(target=lead)
        leader.start()
        until("the leader to wait", lambda: self.peer.connection.pending == 1)
        self.assertEqual(self.peer.call("sleep", {"ms": 500}), 500)
        leader.join()


class Notifications(PeerTest):
    def test_they_arrive_while_nobody_calls(self) -> None:
        self.peer.call("announce", {"count": 2, "later": 200})
        until("the last notification", lambda: len(self.peer.notifications) == 3, 2)
        self.assertEqual([params["n"] for _, params in self.peer.notifications], [0, 1, "later"])

    def test_what_came_before_an_answer_is_delivered_before_it(self) -> None:
        for _ in range(50):
            self.peer.notifications.clear()
            self.peer.call("announce", {"count": 3})
            self.assertEqual(len(self.peer.notifications), 3)

    def test_a_request_of_the_other_side_is_answered(self) -> None:
        def answer() -> None:
            request_id, method, params = until("the request", lambda: self.peer.requests)[0]
            self.peer.connection.respond(request_id, [method, params])

        threading.Thread(target=answer).start()
        self.assertEqual(
            self.peer.call("ask", {"method": "mgr/get", "params": {"name": "x"}}), ["mgr/get", {"name": "x"}]
        )


class Deadlines(PeerTest):
    def test_a_hanging_call_ends_at_its_deadline_and_is_cancelled(self) -> None:
        began = time.monotonic()
        with self.assertRaisesRegex(CallTimeout, r"timed out after 0.3 s in hang: Node did not answer"):
            self.peer.call("hang", {}, timeout=0.3)
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(len(until("the cancellation", lambda: self.peer.call("cancelled", {}))), 1)

    def test_an_answer_after_the_deadline_is_nobodys(self) -> None:
        with self.assertRaises(CallTimeout):
            self.peer.call("sleep", {"ms": 300}, timeout=0.1)
        self.assertEqual(self.peer.call("sleep", {"ms": 400}), 400)
        self.assertEqual(self.peer.connection.pending, 0)

    def test_a_call_to_a_blocked_peer_ends_at_its_deadline(self) -> None:
        blocked = threading.Thread(target=lambda: self.peer.call("block", {"ms": 1500}))
        blocked.start()
        until("the peer to block", lambda: self.peer.connection.pending == 1)
        with self.assertRaises(CallTimeout):
            self.peer.call("echo", {}, timeout=0.3)
        blocked.join()

    def test_a_write_to_a_peer_that_stopped_reading_ends_at_its_deadline(self) -> None:
        self.peer.call("stop-reading", {})
        began = time.monotonic()
        with self.assertRaises(CallTimeout):
            self.peer.call("echo", {"text": "x" * 8_000_000}, timeout=0.5)
        self.assertLess(time.monotonic() - began, 3)

    def test_a_message_that_is_partly_out_at_its_deadline_goes_on_before_the_next(self) -> None:
        blocked = threading.Thread(target=lambda: self.peer.call("block", {"ms": 1500}))
        blocked.start()
        until("the peer to block", lambda: self.peer.connection.pending == 1)
        with self.assertRaises(CallTimeout):
            self.peer.call("echo", {"text": "x" * 8_000_000}, timeout=0.3)
        self.assertEqual(self.peer.call("echo", {"text": "next"}, timeout=60), {"text": "next"})
        blocked.join()

    def test_a_second_writer_does_not_wait_longer_than_its_own_deadline(self) -> None:
        self.peer.call("stop-reading", {})

        def write() -> None:
            with self.assertRaises(CallTimeout):
                self.peer.call("echo", {"text": "x" * 8_000_000}, timeout=1.5)

        first = threading.Thread(target=write)
        first.start()
        until("the first writer to be stuck", lambda: self.peer.connection.pending == 1)
        time.sleep(0.2)
        began = time.monotonic()
        with self.assertRaises(CallTimeout):
            self.peer.call("echo", {}, timeout=0.3)
        self.assertLess(time.monotonic() - began, 1)
        first.join()


class LateWake:
    """The lock of a caller whose turn to read comes just after its time to wait has passed."""

    def __init__(self, lock: Any, its_turn: Callable[[], None]) -> None:
        self._lock = lock
        self._its_turn = its_turn

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not blocking:
            return bool(self._lock.acquire(blocking=False))
        del timeout
        self._its_turn()
        return False

    def release(self) -> None:
        self._lock.release()


class Turns(unittest.TestCase):
    """Over pipes of the test's own, which itself has the turn to read at first."""

    def setUp(self) -> None:
        to_us, self.answers = os.pipe()
        self.written, from_us = os.pipe()
        self.connection = Connection(to_us, from_us, mock.Mock())
        self.addCleanup(os.close, to_us)
        self.addCleanup(os.close, self.answers)
        self.addCleanup(os.close, self.written)
        self.addCleanup(self.connection.close, "the test is over")
        self.connection._reading.acquire()

    def call(self, name: str) -> Any:
        answers: List[Any] = []
        threading.Thread(target=lambda: answers.append(self.connection.call(name, {}, 60)), daemon=True).start()
        return answers

    def test_one_who_gives_up_hands_its_turn_on(self) -> None:
        after: List[Any] = []
        made: List[_Pending] = []

        def its_turn() -> None:
            after.append(self.call("after"))
            until("the other caller to wait", lambda: len(self.connection._followers) == 2)
            self.connection._stop_reading()

        class Late(_Pending):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                made.append(self)
                if len(made) == 1:
                    self.wake = LateWake(self.wake, its_turn)  # type: ignore[assignment]

        with mock.patch("orchbridge.connection._Pending", Late), self.assertRaises(CallTimeout):
            self.connection.call("first", {}, 60)
        os.write(self.answers, frames.encode({"jsonrpc": "2.0", "id": 2, "result": "here"}))
        self.assertEqual(until("the answer", lambda: after[0]), ["here"])


class Ends(PeerTest):
    def test_every_pending_call_ends_when_the_peer_exits(self) -> None:
        errors: List[str] = []

        def hang() -> None:
            try:
                self.peer.call("hang", {}, timeout=30)
            except ConnectionLost as error:
                errors.append(str(error))

        threads = [threading.Thread(target=hang) for _ in range(5)]
        for thread in threads:
            thread.start()
        until("the calls to be sent", lambda: self.peer.connection.pending == 5)
        with self.assertRaisesRegex(ConnectionLost, "exited with code 3; its last log line: so long"):
            self.peer.call("exit", {"code": 3, "say": "so long"})
        for thread in threads:
            thread.join(2)
        self.assertEqual(len(errors), 5)
        self.assertTrue(all("exited with code 3" in error for error in errors))

    def test_a_call_after_the_end_fails_at_once_with_the_reason(self) -> None:
        with self.assertRaises(ConnectionLost):
            self.peer.call("exit", {"code": 7})
        with self.assertRaisesRegex(ConnectionLost, "exited with code 7"):
            self.peer.call("echo", {})

    def assert_fatal(self, text: str, why: str) -> None:
        waiting = threading.Thread(target=lambda: self.assertRaises(ConnectionLost, self.peer.call, "hang", {}))
        waiting.start()
        until("the call to be sent", lambda: self.peer.connection.pending == 1)
        with self.assertRaisesRegex(ConnectionLost, why):
            self.peer.call("raw", {"text": text}, timeout=5)
        waiting.join(2)
        self.assertFalse(waiting.is_alive())
        self.assertTrue(self.peer.process.wait(5), "the process must be ended")
        self.assertRegex(self.peer.process.end, why)

    def test_a_stray_line_is_fatal(self) -> None:
        self.assert_fatal("hello world\n", "expected (?:a|one) Content-Length header, got 'hello world")

    def test_a_frame_that_is_not_json_is_fatal(self) -> None:
        self.assert_fatal("Content-Length: 4\r\n\r\n{{{{", "a frame is not JSON")

    def test_a_length_that_is_too_short_is_fatal(self) -> None:
        self.assert_fatal('Content-Length: 2\r\n\r\n{"jsonrpc":"2.0"}', "broke the protocol")

    def test_a_negative_length_is_fatal(self) -> None:
        self.assert_fatal("Content-Length: -5\r\n\r\n", "expected one Content-Length header")

    def test_a_length_over_the_limit_is_fatal_at_once(self) -> None:
        self.assert_fatal("Content-Length: 999999999\r\n\r\n", "a frame of 999999999 bytes is over the limit of")

    def test_a_missing_length_is_fatal(self) -> None:
        self.assert_fatal("Content-Type: x\r\n\r\n", "expected one Content-Length header")

    def test_two_lengths_are_fatal(self) -> None:
        self.assert_fatal("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "expected one Content-Length header")

    def test_nan_is_fatal(self) -> None:
        self.assert_fatal("Content-Length: 3\r\n\r\nNaN", "NaN is not JSON")

    def test_a_header_without_end_is_fatal(self) -> None:
        self.assert_fatal("X" * 5000, "longer than 4096 bytes")

    def test_json_that_is_no_message_is_fatal(self) -> None:
        self.assert_fatal("Content-Length: 2\r\n\r\n[]", "expected a JSON-RPC message")

    def test_a_deeply_nested_frame_is_fatal_not_a_crash(self) -> None:
        depth = 200_000
        self.assert_fatal(f"Content-Length: {2 * depth}\r\n\r\n" + "[" * depth + "]" * depth, "a frame is not JSON")


class Values(PeerTest):
    def test_nan_is_refused_before_it_is_sent(self) -> None:
        with self.assertRaises(BadValue):
            self.peer.call("echo", {"value": float("nan")})
        self.assertEqual(self.peer.call("echo", {}), {})

    def test_a_message_over_the_limit_is_refused_before_it_is_sent(self) -> None:
        with (
            mock.patch.object(frames, "FRAME_LIMIT", 1000),
            self.assertRaisesRegex(BadValue, "over the limit of 1000 bytes"),
        ):
            self.peer.call("echo", {"text": "x" * 2000})
        self.assertEqual(self.peer.call("echo", {}), {})


class Pages(PeerTest):
    def ask(self, **params: Any) -> Any:
        return self.peer.call("pages", {**params, "_call": {"partial": "t"}}, timeout=60, partial="t")

    def test_a_large_answer_is_put_together_in_order(self) -> None:
        rows = self.ask(pages=40, items=1000, text="x" * 400)
        self.assertEqual([row["n"] for row in rows], list(range(40_000)))

    def test_a_missing_page_is_an_error(self) -> None:
        with self.assertRaisesRegex(BadAnswer, "expected 4 pages, got 3"):
            self.ask(pages=3, items=1, text="", lie=4)

    def test_pages_without_end_break_the_connection(self) -> None:
        limit = mock.patch("orchbridge.connection.PAGE_LIMIT", 3)
        with limit, self.assertRaisesRegex(ConnectionLost, "more than 3 pages of one answer"):
            self.ask(pages=5, items=1, text="")

    def test_an_answer_without_pages_is_taken_as_it_is(self) -> None:
        self.assertEqual(self.peer.call("echo", {"a": 1}, partial="t"), {"a": 1})

    def test_a_single_large_frame_arrives(self) -> None:
        self.assertEqual(len(self.peer.call("large", {"bytes": 20_000_000}, timeout=60)), 20_000_000)

    def test_the_collector_is_held_off_only_during_large_frames(self) -> None:
        seen: List[bool] = []
        real = frames.json.loads

        def spy(*args: Any, **more: Any) -> Any:
            seen.append(gc.isenabled())
            return real(*args, **more)

        with mock.patch.object(frames.json, "loads", spy):
            self.peer.call("large", {"bytes": 10})
            self.peer.call("large", {"bytes": 500_000})
        self.assertEqual(seen, [True, False])
        self.assertTrue(gc.isenabled())


class Parser(unittest.TestCase):
    def test_frames_cut_anywhere_come_out_whole(self) -> None:
        stream = b"".join(frames.encode({"n": n}) for n in range(20))
        for size in (1, 2, 3, 7, 1000):
            parser = frames.FrameParser()
            bodies = [body for at in range(0, len(stream), size) for body in parser.feed(stream[at : at + size])]
            self.assertEqual([frames.decode(body)["n"] for body in bodies], list(range(20)))

    def test_other_headers_and_cases_are_understood(self) -> None:
        parser = frames.FrameParser()
        stream = b"Content-Type: application/json; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"
        self.assertEqual(list(parser.feed(stream)), [b"{}"])

    def test_the_connection_needs_no_manager(self) -> None:
        self.assertEqual(Connection.__module__, "orchbridge.connection")


if __name__ == "__main__":
    unittest.main()
