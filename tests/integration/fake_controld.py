#!/usr/bin/env python3
"""A control daemon for tests of the command line: answers of the form of docs/API.md, and a log of what was asked.

usage: fake_controld.py SOCKET LOG TOKEN PORT_FILE
The UNIX socket is open to all; over TCP the token is asked for.
"""
import http.server
import json
import os
import socketserver
import sys
import threading

SOCKET, LOG, TOKEN, PORT_FILE = sys.argv[1:5]
STATUS = {
    "router": {"state": "running", "durability": "disk", "release": "0.1.0", "uptime_s": 3700, "boot_id": "7",
               "generation": "5", "connected": True, "stale_s": 0, "why": None},
    "events": {"offered": 10, "accepted": 9, "refused": 1, "queued": 2, "dropped": 0, "off_balance": 0},
    "deliveries": {"delivered": 7, "pending": 3, "dropped": 0, "off_balance": 0},
    "rates": {"offered": 12345.6, "accepted": 12000, "refused": 345.6, "delivered": 24000},
    "stages": [{"name": "shard%d" % n, "cpu": n, "busy": 0.5, "step_p99_us": 12.5, "step_max_us": 900,
                "heartbeat_age_s": 0.001} for n in range(12)],
    "journal": None, "paused": [], "bans": 1, "alarms": {"firing": 2, "pending": 0}}
HOT = {"window_s": 9.5, "data": [
    {"kind": "object", "id": str(1200 + n), "count": 1000 - n, "error": 1, "rate": 500.5 - n, "refused": n, "queued": 4,
     "app": "42", "workspace": "301", "database": "101", "banned": n == 1} for n in range(30)], "done": True}
ALARMS = {"data": [
    {"name": "paused", "severity": "warning", "state": "firing", "since": "2026-11-22T02:20:00.000Z", "summary": "paused",
     "command": "millrace resume delivery", "runbook": "firing-page"},
    {"name": "link_down", "severity": "critical", "state": "ok", "since": None, "summary": "no link", "command": None,
     "runbook": "well-page"}], "done": True}
bans = {}


def ban_of(body):
    return {"id": "1", "kind": body["kind"], "scope": body["id"], "mode": body["mode"], "rate": body.get("rate"),
            "with_descendants": False, "reason": body["reason"], "author": "root", "expires_in_s": body.get("ttl_s")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "test"

    def send(self, status, body, kind="application/json"):
        payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def problem(self, status, title, detail, errors=None):
        self.send(status, {"type": "about:blank", "title": title, "status": status, "detail": detail,
                           "errors": errors or []}, "application/problem+json")

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {body}\n")
        if self.server.wants_token and self.headers.get("Authorization") != "Bearer " + TOKEN:
            return self.problem(401, "Unauthorized", "the token is not known: see millrace tokens")
        path = self.path.split("?")[0]
        return self.route(path, json.loads(body) if body else {})

    def route(self, path, body):
        effect = {"queued_events": 4, "pending_deliveries": 5, "recent_events": 6, "webhooks": 1, "replaced": False}
        fixed = {"/v1/status": STATUS, "/v1/hot": HOT, "/v1/alarms": ALARMS,
                 "/readyz": {"ready": True, "checks": [{"name": "data_plane", "ok": True, "detail": "answers"}]}}
        if self.command == "GET" and path in fixed:
            return self.send(200, fixed[path])
        if path == "/metrics":
            return self.send(200, '# HELP a b\nmillrace_up 1\nmillrace_x_bucket{le="1"} 3\n'
                             'millrace_shard_offered_total{stage="shard0"} 10\n', "text/plain")
        if path == "/v1/audit":
            return self.page()
        if path == "/v1/bans" and self.command == "GET":
            return self.send(200, {"data": list(bans.values()), "done": True})
        if path == "/v1/bans":
            return self.post_ban(body, effect)
        if path.startswith("/v1/bans/") and self.command == "DELETE":
            if path not in bans:
                return self.problem(404, "Not Found", "app 43 is not banned")
            return self.send(200, {"ban": bans.pop(path), "effect": effect, "generation": "6", "took_ms": 1.25})
        if path.startswith("/v1/drills/"):
            return self.send(200, {"name": path[11:], "alarm": "pause_on", "passed": "lab" not in body, "took_s": 3,
                                   "steps": []})
        if path == "/v1/tokens" and self.command == "POST":
            return self.send(201, {"id": "3", "name": body["name"], "role": body["role"], "token": "shown-once"})
        if path.startswith("/v1/tail"):
            return self.send(200, {"data": [{"number": 1, "at": "2026-11-22T02:20:00.000Z", "step": "accepted",
                                             "app": "42"}], "after": 1})
        if path == "/v1/explain":
            return self.send(200, {"admission": "accepted", "app": body.get("app"), "shard": 0, "webhooks": []})
        return self.problem(404, "Not Found", "there is no " + path)

    def page(self):
        after = int(self.path.split("iterator=")[1]) if "iterator=" in self.path else 0
        rows = [{"number": str(n), "at": "2026-11-22T02:20:00.000Z", "who": "alice", "via": "socket", "act": "ban",
                 "scope": "app %d" % n, "result": "ok"} for n in range(after + 1, after + 3)]
        self.send(200, {"data": rows, "iterator": str(after + 2), "done": after >= 4})

    def post_ban(self, body, effect):
        if body["id"] == "0":
            return self.problem(422, "Unprocessable Content", "the body has mistakes",
                                [{"pointer": "/id", "detail": "0 takes in everything: confirm_all"}])
        ban = ban_of(body)
        if "dry_run=true" not in self.path:
            bans["/v1/bans/%s/%s" % (body["kind"], body["id"])] = ban
        return self.send(200, {"ban": ban, "effect": effect, "generation": "5", "took_ms": 3.5})

    do_GET = do_POST = do_PUT = do_DELETE = answer


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    wants_token = False


class TcpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    wants_token = True


tcp = TcpServer(("127.0.0.1", 0), Handler)
threading.Thread(target=tcp.serve_forever, daemon=True).start()
with open(PORT_FILE + ".new", "w", encoding="utf-8") as file:
    file.write(str(tcp.server_address[1]))
os.rename(PORT_FILE + ".new", PORT_FILE)
UnixServer(SOCKET, Handler).serve_forever()
