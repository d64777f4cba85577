"""A backend in a process of its author's, which the supervisor uses and never ends; with the stand-in peer."""

import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import unittest
from typing import Any, List, Optional
from unittest import mock

from .peer import NODE, PEER, alive, until
from .test_supervisor import SupervisorTest

from orchbridge import attach  # isort: skip
from orchbridge import supervisor as subject  # isort: skip
from orchbridge.attach import STANDS_STILL, AttachedProcess, NotAttached  # isort: skip
from orchbridge.failure import CallTimeout, ConnectionLost, Unavailable  # isort: skip
from orchbridge.settings import Settings, SettingsError, read_settings  # isort: skip


class Author:
    """Stands in for `orchbridge attach`: listens, and has a stand-in peer for each connection."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.peers: List[subprocess.Popen[bytes]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        os.chmod(path, 0o600)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            with made, made.dup() as same:
                fds = (made.fileno(), same.fileno())
                self.peers.append(subprocess.Popen([NODE, PEER, "--fd", *map(str, fds)], pass_fds=fds))

    def end(self) -> None:
        os.unlink(self.path)
        self._listener.shutdown(socket.SHUT_RDWR)  # accept() would not notice that it is closed
        self._listener.close()
        for peer in self.peers:
            peer.kill()
            peer.wait()


class AttachTest(SupervisorTest):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "attach.sock")
        self.settings = Settings(attach=self.path)
        self.author: Optional[Author] = None
        self.addCleanup(self.leave)
        for module, name, value in ((attach, "QUIET", 0.3), (attach, "PING_TIMEOUT", 0.5), (subject, "TICK", 0.1)):
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def arrive(self) -> Author:
        self.author = Author(self.path)
        return self.author

    def leave(self) -> None:
        if self.author is not None:
            self.author.end()
            self.author = None

    def available(self) -> None:
        until("the stand-in peer to be used", lambda: self.supervisor.connection and self.supervisor.state)


class Attached(AttachTest):
    def test_the_authors_process_is_used_with_the_options_of_the_manager(self) -> None:
        author = self.arrive()
        self.settings = Settings(attach=self.path, backend="other", backend_options={"features": ["get_facts"]})
        self.start()
        self.assertEqual(self.supervisor.hello["pid"], author.peers[0].pid)
        self.assertEqual(self.call("echo", a=1), {"a": 1})
        self.assertEqual(self.supervisor.features, ["get_facts"])
        self.settings = Settings(attach=self.path, backend="other", backend_options={"reason": "away"})
        self.supervisor.options_changed()
        until("the new state", lambda: self.supervisor.available().reason == "away")
        self.assertEqual(len(author.peers), 1)

    def test_a_breakpoint_holds_nobody_longer_than_a_deadline_and_ends_nothing(self) -> None:
        author = self.arrive()
        self.start()
        peer = author.peers[0]
        os.kill(peer.pid, signal.SIGSTOP)
        with self.assertRaises(CallTimeout):
            self.call("echo", timeout=0.5)
        until("it to be told", lambda: self.supervisor.available().reason == STANDS_STILL, 30)
        asked = until("the question", lambda: self.supervisor._link)._asked_at
        # Twenty looks of the watchdog later: one of ours would have been ended long since.
        looked: List[None] = []
        self.supervisor._look = lambda: looked.append(None)
        until("more looks", lambda: len(looked) > 20, 30)
        self.assertEqual(self.supervisor._link._asked_at, asked, "no questions pile up")  # type: ignore[union-attr]
        self.assertTrue(alive(peer.pid))
        os.kill(peer.pid, signal.SIGCONT)
        until("it to be told", lambda: self.supervisor.available().reason != STANDS_STILL, 30)
        self.assertEqual(self.call("pid"), peer.pid)
        self.assertEqual((self.supervisor.starts, self.supervisor.crashes), (1, 0))

    def test_options_that_change_meanwhile_are_taken_when_it_goes_on(self) -> None:
        author = self.arrive()
        self.start()
        os.kill(author.peers[0].pid, signal.SIGSTOP)
        self.settings = Settings(attach=self.path, backend_options={"reason": "away"})
        with mock.patch.object(subject, "PING_TIMEOUT", 0.5):
            self.supervisor.options_changed()
            until("the options to wait", lambda: self.supervisor._options_wait, 30)
        os.kill(author.peers[0].pid, signal.SIGCONT)
        until("the new state", lambda: self.supervisor.available().reason == "away", 30)
        self.assertEqual(len(author.peers), 1)

    def test_its_memory_is_not_bounded(self) -> None:
        author = self.arrive()
        self.settings = Settings(attach=self.path, memory_limit=32)
        self.start()
        looked: List[None] = []
        self.call("hoard", mb=400)
        self.supervisor._look = lambda: looked.append(None)
        until("some looks", lambda: len(looked) > 3, 30)
        self.assertEqual(self.call("pid"), author.peers[0].pid)

    def test_the_end_of_the_manager_leaves_it_running(self) -> None:
        author = self.arrive()
        self.start()
        self.supervisor.stop()
        until("the end to be told", lambda: self.supervisor.last_end_requested)
        # The stand-in peer ends with its input by itself, of its own will.
        self.assertEqual(author.peers[0].wait(30), 0)

    def test_another_manager_that_leads_ends_the_connection_only(self) -> None:
        author = self.arrive()
        self.start()
        os.kill(author.peers[0].pid, signal.SIGSTOP)
        self.supervisor.stand_down("mgr.y has taken over the lead")
        until("the end", lambda: self.supervisor.last_end)
        self.assertTrue(alive(author.peers[0].pid))

    def test_without_the_option_the_manager_has_a_process_of_its_own_again(self) -> None:
        author = self.arrive()
        self.start()
        self.settings = Settings(backend="stand-in")
        self.supervisor.options_changed()
        until("the own backend", lambda: self.supervisor.available().available and self.supervisor.backend, 30)
        self.assertNotEqual(self.supervisor.hello["pid"], author.peers[0].pid)
        self.settings = Settings(backend="stand-in", attach=self.path)
        own = self.supervisor.hello["pid"]
        self.supervisor.options_changed()
        until("the author's", lambda: len(author.peers) == 2 and self.supervisor.connection, 30)
        self.assertFalse(alive(own), "one process at a time")

    def test_a_restart_does_not_wait_for_a_breakpoint_in_its_start(self) -> None:
        author = self.arrive()
        self.settings = Settings(attach=self.path, backend_options={"hang": True})
        with mock.patch("orchbridge.lifecycle.START_TIMEOUT", 600.0):
            self.thread.start()
            until("the process", lambda: author.peers)
            until("the introduction", lambda: (link := self.supervisor._link) and link.connection.pending)
            os.kill(author.peers[0].pid, signal.SIGSTOP)
            self.settings = Settings(attach=self.path)
            restart = threading.Thread(target=self.supervisor.restart, daemon=True)
            restart.start()
            restart.join(60)
            self.assertFalse(restart.is_alive(), "it waits for the start")
            until("the next connection", lambda: self.supervisor.connection)
        self.assertTrue(alive(author.peers[0].pid))
        self.assertEqual(self.supervisor.crashes, 0)


class Reconnects(AttachTest):
    def test_an_end_is_told_to_callers_and_the_next_process_is_connected_to(self) -> None:
        former = self.arrive()
        self.start()
        with self.assertRaisesRegex(ConnectionLost, f"^the attached process at {self.path} ended, or closed"):
            self.call("exit", code=5)
        self.leave()
        until("it to be missed", lambda: "nobody listens" in (self.supervisor.down or ""), 30)
        self.arrive()
        until("the next one", lambda: self.supervisor.connection, 30)
        self.assertNotEqual(self.call("pid"), former.peers[0].pid)

    def test_one_that_is_not_there_is_looked_for_ever_more_rarely(self) -> None:
        delays: List[float] = []
        ended = self.supervisor._restarts.ended

        def note(now: float) -> float:
            delays.append(ended(now))
            return delays[-1]

        with mock.patch.object(self.supervisor._restarts, "ended", note):
            self.thread.start()
            until("some tries", lambda: len(delays) >= 4, 30)
        self.assertEqual(delays[:4], [0.25, 0.5, 1.0, 2.0])
        wanted = f"run orchbridge attach FILE --socket {self.path} on this host, or give it up: ceph config rm mgr"
        self.assertIn(wanted, self.supervisor.available().reason)
        self.assertFalse(self.supervisor.lasting, "it may come at any moment")

    def test_a_call_is_told_who_is_missing(self) -> None:
        self.thread.start()
        with mock.patch("orchbridge.known.PATIENCE", 0.5), self.assertRaisesRegex(Unavailable, "nobody listens at"):
            until("a first try", lambda: "nobody" in (self.supervisor.down or ""))
            self.call("echo")


class Trust(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "attach.sock")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        os.chmod(self.path, 0o600)
        listener.listen()

    def refused(self, why: str, path: Optional[str] = None) -> None:
        with self.assertRaisesRegex(NotAttached, why):
            AttachedProcess(path or self.path)

    def test_one_for_this_user_only_is_connected_to(self) -> None:
        ends: List[str] = []
        process = AttachedProcess(self.path)
        process.watch(ends.append)
        process.kill("enough")
        until("the end", lambda: ends)
        self.assertEqual(ends, ["the connection to the attached process was ended: enough"])
        for fd in (process.read_fd, process.write_fd):
            os.close(fd)

    def test_one_that_others_may_use_is_refused(self) -> None:
        os.chmod(self.path, 0o660)
        self.refused(f"^attach: {self.path} must be usable by its owner only; run chmod 600 {self.path}$")

    def test_a_folder_that_others_write_into_is_refused(self) -> None:
        os.chmod(self.folder, 0o777)
        self.refused(f"^attach: {self.folder}, in which .* lies, must not be writable by others; run chmod go-w")

    def test_a_strangers_is_refused(self) -> None:
        look = os.stat
        answer: Any = mock.Mock(st_mode=stat.S_IFSOCK | 0o600, st_uid=4711)
        with mock.patch("os.stat", lambda path: answer if path == os.path.realpath(self.path) else look(path)):
            self.refused("^attach: .* must be owned by root or the manager's user .* not by uid 4711: start orchbridge")

    def test_what_is_no_socket_is_refused(self) -> None:
        file = os.path.join(self.folder, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        self.refused("^attach: .*file is not a socket: run orchbridge attach FILE", file)

    def test_the_option_is_a_path_that_a_packaged_manager_sees(self) -> None:
        self.assertEqual(read_settings({"attach": "/run/orchbridge/x.sock"}.get).attach, "/run/orchbridge/x.sock")
        for value, why in (("x.sock", "expected an absolute path"), ("/tmp/x.sock", "a packaged manager cannot see")):
            with self.assertRaisesRegex(SettingsError, f"^attach: .*{why}"):
                read_settings({"attach": value}.get)


if __name__ == "__main__":
    unittest.main()
