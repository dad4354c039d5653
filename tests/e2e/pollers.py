"""Many pollers of /v1/status over a UNIX socket: pollers.py SOCKET COUNT. Each asks once a second over a connection of its own, until SIGTERM."""
import asyncio
import resource
import signal
import sys

REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
asked = answered = failed = 0


async def poll(path, delay, stop):
    global asked, answered, failed
    await asyncio.sleep(delay)
    reader = writer = None
    while not stop.is_set():
        try:
            if writer is None:
                reader, writer = await asyncio.open_unix_connection(path)
            asked += 1
            writer.write(REQUEST)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")).split(b":")[1])
            await asyncio.wait_for(reader.readexactly(length), 20)
            if head.startswith(b"HTTP/1.1 200"):
                answered += 1
            else:
                failed += 1
        except (OSError, EOFError, asyncio.TimeoutError):
            failed += 1
            writer = None
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except asyncio.TimeoutError:
            pass


async def main():
    path, count = sys.argv[1], int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 64), hard))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(poll(path, i / count, stop)) for i in range(count)]
    await asyncio.sleep(1.5)
    print("polling", flush=True)
    await asyncio.gather(*tasks)
    print(f"{count} pollers, {answered} answers, {failed} failed", flush=True)


asyncio.run(main())
