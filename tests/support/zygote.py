"""A process that has imported all of syncer and forks `syncer` processes: `python -m tests.support.zygote FD`.

Each child is a process of its own with its own signals, limits and exit code; only the half second of imports is
saved, without which thousands of them would not be affordable. The zygote has one thread, so that forking it is safe.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import pkgutil
import resource
import selectors
import signal
import socket
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

import syncer
from syncer.__main__ import main


def _become(order: dict[str, Any]) -> NoReturn:
    """The child: files, environment and limits as ordered, then the command; never returns to the zygote's loop."""
    code = 70
    try:
        for number, file in ((1, order["output"]), (2, order["errors"])):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), number)
        os.chdir(order.get("folder", "."))
        os.environ.clear()
        os.environ.update(order["environ"])
        for name, limit in order.get("limits", {}).items():
            number = getattr(resource, name)
            resource.setrlimit(number, (limit, resource.getrlimit(number)[1]))
        if order.get("stopped"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if order.get("starved"):
            import_module("_testcapi").set_nomemory(*order["starved"])
        sys.argv = ["syncer", *order["arguments"]]
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 -- told as Python tells it of a process that ends so
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


def serve(channel: socket.socket) -> None:
    """One JSON order per packet; answers with the pid, and later with the exit code. Ends with the other side."""
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not channel:
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    _, status = os.waitpid(key.data, 0)
                    channel.send(json.dumps({"pid": key.data, "code": os.waitstatus_to_exitcode(status)}).encode())
                    continue
                if not (packet := channel.recv(1 << 20)):
                    return
                pid = os.fork()
                if not pid:
                    channel.close()
                    _become(json.loads(packet))
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
                channel.send(json.dumps({"pid": pid}).encode())


if __name__ == "__main__":
    faulthandler.enable()  # children, too: to their own stderr
    for found in pkgutil.walk_packages(syncer.__path__, "syncer."):
        if not found.name.endswith("__main__"):
            import_module(found.name)
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
