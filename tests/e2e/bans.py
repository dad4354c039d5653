#!/usr/bin/env python3
"""Bans and lifts scopes nobody uses over the data plane's own socket, and says how long the answers took.

usage: bans.py SOCKET COUNT
"""
import json
import socket
import struct
import sys
import time

HEADER = struct.Struct("<IIIIHHI")
MAGIC, VERSION, BAN, UNBAN = 0x4354524D, 3, 4, 5
OBJECT, DROP = 2, 1


def ask(connection, kind, number, body):
    begun = time.monotonic()
    connection.send(HEADER.pack(MAGIC, HEADER.size + len(body), kind, number, VERSION, 0, 0) + body)
    answer = connection.recv(16384)
    took = time.monotonic() - begun
    _, _, got, echoed, _, _, _ = HEADER.unpack_from(answer)
    result = struct.unpack_from("<i", answer, HEADER.size)[0]
    if (got, echoed, result) != (kind, number, 0):
        sys.exit(f"request {number}: type {got}, request {echoed}, result {result}: {answer[HEADER.size:]!r}")
    return took * 1000


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    took = []
    for i in range(count):
        scope = struct.pack("<QII", 10**9 + i, OBJECT, 0)
        rule = scope + struct.pack("<IBBH", 0, DROP, 0, 0)
        took.append(ask(connection, BAN, 2 * i, bytes(64) + rule + struct.pack("<QII", 0, 0, 0) + bytes(128)))
        took.append(ask(connection, UNBAN, 2 * i + 1, bytes(64) + scope))
        time.sleep(0.01)  # as people do, not as a loop would: answers to a loop would meet a steward that is awake
    took.sort()
    print(json.dumps({"count": len(took), "p50_ms": took[len(took) // 2], "p99_ms": took[len(took) * 99 // 100],
                      "max_ms": took[-1]}, separators=(",", ":")))


main()
