"""A receiver of alarms: answers 200 and prints one line per alarm: seconds since the epoch, status, name, annotations."""
import http.server
import json
import sys
import time


class Pager(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in message["alerts"]:
            row = {"at": time.time(), "status": alert["status"], "drill": "drill" in alert["labels"],
                   "alarm": alert["labels"]["alertname"], **alert["annotations"]}
            print(json.dumps(row), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Pager).serve_forever()
