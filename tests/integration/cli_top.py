#!/usr/bin/env python3
"""Runs `millrace top` on a terminal of 80 x 24 and types. usage: cli_top.py MILLRACE ARGUMENT..."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Screen:
    """The program on its terminal, and what it has drawn so far."""

    def __init__(self, arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(arguments[0], arguments)
        self.seen = b""

    def wait_for(self, text):
        self.wait_until(lambda: text in self.seen, text)

    def wait_for_frame(self, fits):
        self.wait_until(lambda: any(fits(lines) for lines in frames(self.seen)), "a frame that fits")

    def wait_until(self, is_there, text):
        end = time.monotonic() + 10
        while not is_there():
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f"{text!r} was not drawn: {self.seen[-2000:]!r}")
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:
                sys.exit(f"the program ended before {text!r}: {self.seen[-2000:]!r}")

    def type(self, keys, text):
        """Types, and waits until the text is drawn anew."""
        self.seen = b""
        os.write(self.fd, keys)
        self.wait_for(text)

    def end(self):
        """Exit code once it has ended; the terminal must be as before."""
        try:
            while True:
                self.seen += os.read(self.fd, 65536)
        except OSError:
            pass
        status = os.waitpid(self.pid, 0)[1]
        if LEAVE not in self.seen:
            sys.exit("the alternate screen was not left")
        return os.waitstatus_to_exitcode(status)


def frames(seen):
    """Whole frames as lists of lines, without colours."""
    for frame in re.findall(rb"\x1b\[H(.*?)\x1b\[J", seen, re.DOTALL):
        text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", frame)
        yield text.decode().split("\r\n")


def check(condition, what):
    if not condition:
        sys.exit(what)


def main():
    is_direct = "--direct" in sys.argv
    screen = Screen(sys.argv[1:])
    screen.wait_for(ENTER)
    screen.wait_for(b"q quit")
    screen.wait_for_frame(lambda lines: True)
    for lines in frames(screen.seen):
        check(len(lines) <= 24, f"{len(lines)} lines")
        check(all(len(line) <= 80 for line in lines), f"too wide: {lines}")
    screen.type(b"?", b"lift the ban")
    screen.type(b"?", b"hot: objects")
    screen.type(b"p", b"(paused)")
    screen.type(b"p", b"hot: objects")
    screen.type(b"s", b"by refused")
    screen.type(b"k", b"hot: apps")
    if not is_direct:  # the fake router has nothing hot
        screen.type(b"\x1b[B", b"\x1b[7m1201")
        screen.type(b"b", b"ban app 1201 for 15 min?")
        screen.type(b"x", b"nothing was banned")
        screen.type(b"b", b"ban app 1201 for 15 min?")
        screen.type(b"h", b"undo: millrace unban app 1201")
        screen.type(b"u", b"the ban of app 1201 is lifted")
    screen.seen = b""
    fcntl.ioctl(screen.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    os.kill(screen.pid, signal.SIGWINCH)
    screen.wait_for_frame(lambda lines: len(lines) <= 10 and all(len(line) <= 40 for line in lines))
    os.write(screen.fd, b"q")
    check(screen.end() == 0, "q does not end well")
    ended = Screen(sys.argv[1:])
    ended.wait_for(b"q quit")
    os.kill(ended.pid, signal.SIGTERM)
    check(ended.end() == 0, "SIGTERM does not end well")


main()
