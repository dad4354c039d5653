#!/usr/bin/env python3
"""Asks a control daemon over its socket, and holds every answer against its own description.

usage: api_check.py SOCKET [SECONDS]

A line on standard input is one request: STATUS METHOD PATH [JSON]. The answer must have that status, a content type that the description names for
it, and a body that fits its schema. With SECONDS, bans are set and lifted for so long afterwards, and the times of their answers are printed.
"""
import http.client
import json
import re
import socket
import sys
import time

SOCKET = sys.argv[1]
TYPES = {
    'object': lambda v: isinstance(v, dict), 'array': lambda v: isinstance(v, list), 'string': lambda v: isinstance(v, str),
    'boolean': lambda v: isinstance(v, bool), 'null': lambda v: v is None,
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


class Connection(http.client.HTTPConnection):
    def __init__(self):
        super().__init__('localhost', timeout=40)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask(connection, method, path, body=None, headers=()):
    headers = dict(headers, **({'Content-Type': 'application/json'} if body is not None else {}))
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, (response.getheader('Content-Type') or '').split(';')[0], response.read()


class Description:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        while isinstance(node, dict) and '$ref' in node:
            target = self.document
            for part in node['$ref'][2:].split('/'):
                target = target[part]
            node = target
        return node

    def operation(self, method, path):
        for pattern, methods in self.document['paths'].items():
            # what has no name of its own is a file of the dashboard, and last
            if re.fullmatch(re.sub(r'\{[^}]*\}', '[^/]+', pattern), path) and (pattern != '/{file}' or '/' not in path[1:]):
                if method.lower() in methods and (pattern == path or pattern != '/{file}' or path not in self.document['paths']):
                    return methods[method.lower()]
        return None

    def faults(self, value, schema, at=''):
        """What of the value does not fit the schema: a list of sentences. Knows the keywords that the description uses."""
        schema = self.resolve(schema)
        found = []
        for part in schema.get('allOf', []):
            found += self.faults(value, part, at)
        if 'anyOf' in schema and all(self.faults(value, part, at) for part in schema['anyOf']):
            found.append(f'{at}: none of anyOf fits {value!r:.80}')
        types = schema.get('type', [])
        types = [types] if isinstance(types, str) else types
        if types and not any(TYPES[name](value) for name in types):
            return found + [f'{at}: {value!r:.80} is no {types}']
        if 'enum' in schema and value not in schema['enum']:
            found.append(f'{at}: {value!r:.80} is none of {schema["enum"]}')
        if 'const' in schema and value != schema['const']:
            found.append(f'{at}: {value!r:.80} is not {schema["const"]!r}')
        if isinstance(value, str) and not re.search(schema.get('pattern', ''), value):
            found.append(f'{at}: {value!r:.80} does not match {schema["pattern"]}')
        if isinstance(value, (int, float)) and not schema.get('minimum', value) <= value <= schema.get('maximum', value):
            found.append(f'{at}: {value} is out of range')
        if isinstance(value, list):
            for i, item in enumerate(value):
                found += self.faults(item, schema.get('items', {}), f'{at}/{i}')
        if isinstance(value, dict):
            properties = schema.get('properties', {})
            found += [f'{at}: {name} is missing' for name in schema.get('required', []) if name not in value]
            for name, item in value.items():
                if name in properties:
                    found += self.faults(item, properties[name], f'{at}/{name}')
                elif schema.get('additionalProperties') is False:
                    found.append(f'{at}: {name} is not described')
        return found

    def check(self, method, path, status, kind, body):
        operation = self.operation(method, path.split('?')[0])
        if operation is None:
            return [] if status in (404, 405) else ['is not described']
        responses = operation['responses']
        response = responses.get(str(status), responses.get(f'{status // 100}XX'))
        if response is None:
            return [f'status {status} is not described']
        content = self.resolve(response).get('content', {})
        if not content:
            return ['has a body, and none is described'] if body else []
        if kind not in content:
            return [f'{kind} is none of {list(content)}']
        return self.faults(json.loads(body), content[kind]['schema']) if kind.endswith('json') else []


def check_all(connection, description):
    failed = 0
    for line in sys.stdin:
        if not line.strip():
            continue
        status, method, path, *body = line.split(None, 3)
        got, kind, text = ask(connection, method, path, body[0].strip() if body else None)
        faults = description.check(method, path, got, kind, text)
        if got != int(status):
            faults.append(f'status {got}, expected {status}: {text[:300]!r}')
        failed += bool(faults)
        print(f'{"FAILED" if faults else "ok"} {method} {path} {got}')
        for fault in faults:
            print(f'  {fault}')
    return failed


def time_bans(connection, seconds):
    """p99 of the time from request to answer, in ms."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        status, _, text = ask(connection, 'POST', '/v1/bans', '{"kind": "object", "id": "77", "mode": "drop", "reason": "timed"}')
        times.append(time.monotonic() - begin)
        if status not in (200, 201):
            sys.exit(f'a ban was answered {status}: {text[:300]!r}')
        status, _, text = ask(connection, 'DELETE', '/v1/bans/object/77')
        if status != 200:
            sys.exit(f'an unban was answered {status}: {text[:300]!r}')
    times.sort()
    print(f'{len(times)} bans; ms until in force: p50 {times[len(times) // 2] * 1e3:.2f} p99 {times[len(times) * 99 // 100] * 1e3:.2f} max {times[-1] * 1e3:.2f}')


def main():
    connection = Connection()
    description = Description(json.loads(ask(connection, 'GET', '/openapi.json')[2]))
    # A check that finds nothing wrong anywhere is none.
    if not description.faults({'status': 'ok', 'release': 7}, {'$ref': '#/components/schemas/Health'}):
        sys.exit('the schemas are not looked at')
    failed = check_all(connection, description)
    if len(sys.argv) > 2:
        time_bans(connection, float(sys.argv[2]))
    sys.exit(1 if failed else 0)


main()
