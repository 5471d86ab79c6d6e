"""Runs a Python AI package as a child of promptd: python3 bridge.py MODULE.

Calls arrive on stdin, one JSON object a line; answers leave on file descriptor 3. See src/packages/protocol.ts. The package's
file is loaded as it is. Works with Python 3.8 and newer, with nothing but its standard library.
"""

import base64
import codecs
import faulthandler
import importlib.util
import inspect
import io
import json
import operator
import os
import shutil
import sys
import threading
import traceback

LINE = 3
FUNCTIONS = ("get_job_status", "submit_job", "retrieve_job")

_lock = threading.Lock()
_instance = None
_loop = None


def say(message):
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    with _lock:
        view = memoryview(data)
        while view:
            view = view[os.write(LINE, view):]


class Prints(io.RawIOBase):
    """What the package prints, as lines of the protocol."""

    def __init__(self, stream, fileno):
        self._stream = stream
        self._fileno = fileno
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self):
        return True

    def fileno(self):
        return self._fileno

    def write(self, data):
        data = bytes(data)
        text = self._decoder.decode(data)
        if text:
            say({"print": self._stream, "text": text, "instance": _instance})
        return len(data)


def take_streams():
    """Gives the package its own stdout and stderr, and an empty stdin; returns the calls."""
    os.set_inheritable(LINE, False)
    calls = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    faulthandler.enable(file=2)
    for name, fileno in (("stdout", 1), ("stderr", 2)):
        raw = io.BufferedWriter(Prints(name, fileno))
        setattr(sys, name, io.TextIOWrapper(raw, "utf-8", "replace", line_buffering=True))
    return calls


class Job(dict):
    """A dict whose keys are attributes, too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError("a job has no %r; it has %s" % (name, ", ".join(self))) from None

    def __setattr__(self, name, value):
        self[name] = value


def with_files(given, instance):
    """Writes the files of a job into this process's own folder; the files of the id's last job go."""
    folder = os.path.join(os.getcwd(), "files-%d" % instance)
    shutil.rmtree(folder, ignore_errors=True)
    job = Job(given)
    files = []
    for file in given["files"]:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, file["name"])
        with open(path, "wb") as target:
            target.write(base64.b64decode(file["data"]))
        files.append(Job(name=file["name"], media_type=file["media_type"], path=path))
    job["files"] = files
    for message in given["messages"]:
        if isinstance(message["content"], list):
            message["content"] = [
                part if part["type"] == "text" else Job(files[part["file"]], type=part["type"])
                for part in message["content"]
            ]
    return job


def waited_for(value):
    """Runs an `async def` in a loop of its own thread, where the tasks that it starts go on afterwards."""
    global _loop
    if not inspect.isawaitable(value):
        return value
    import asyncio  # most packages need none of it

    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()

    async def wait():
        return await value

    return asyncio.run_coroutine_threadsafe(wait(), _loop).result()


def nonsense(value):
    try:
        shown = repr(value)
    except Exception:
        shown = "?"
    got = shown if value is None else "%s %s" % (type(value).__name__, shown)
    return {"kind": "nonsense", "got": got[:200]}


def code_of(value):
    if isinstance(value, bool):
        return nonsense(value)
    try:
        code = operator.index(value)
    except TypeError:
        return nonsense(value)
    return {"kind": "code", "code": code} if abs(code) < 2**53 else nonsense(value)


def file_of(name, data, bytes_max):
    if len(data) > bytes_max:
        return {"kind": "too_large", "bytes": len(data)}
    return {"kind": "file", "name": name, "data": base64.b64encode(data).decode("ascii")}


def answer_of(value, bytes_max):
    if value is None:
        return {"kind": "none"}
    if isinstance(value, str):
        size = len(value.encode("utf-8", "replace"))
        return {"kind": "text", "text": value} if size <= bytes_max else {"kind": "too_large", "bytes": size}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return file_of(None, bytes(value), bytes_max)
    if isinstance(value, os.PathLike):
        with open(value, "rb") as file:
            data = file.read(bytes_max + 1)
            size = os.fstat(file.fileno()).st_size
        if len(data) > bytes_max:
            return {"kind": "too_large", "bytes": max(size, len(data))}
        return file_of(os.path.basename(os.fsdecode(value)), data, bytes_max)
    return nonsense(value)


def called(package, line):
    global _instance
    instance = line["instance"]
    _instance = instance
    function = getattr(package, line["call"])
    try:
        if line["call"] == "submit_job":
            return code_of(waited_for(function(with_files(line["job"], instance), instance)))
        value = waited_for(function(instance))
        return code_of(value) if line["call"] == "get_job_status" else answer_of(value, line["bytes_max"])
    except BaseException as error:  # sys.exit() of a package is its own affair, too
        return dict(kind="raised", **told(error))
    finally:
        flush()


def told(error):
    """The error in one line, and its traceback without the lines of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    message = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, SyntaxError):  # is formatted with the line and a caret, which are in the traceback
        message = "%s: %s" % (type(error).__name__, error)
    whole = "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    return {"message": message[:2000], "trace": whole[:20000]}


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # the package closed or replaced it


def load(path):
    # Nothing is written beside the package.
    sys.dont_write_bytecode = True
    sys.argv = [path]
    sys.path[0] = os.path.dirname(path)
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    missing = [function for function in FUNCTIONS if not callable(getattr(package, function, None))]
    if missing:
        raise TypeError("%s has no function %s" % (os.path.basename(path), ", ".join(missing)))
    return package


def main():
    calls = take_streams()
    try:
        package = load(sys.argv[1])
    except BaseException as error:
        flush()
        say({"failed": told(error)})
        os._exit(1)
    flush()
    say({"ready": True})
    for text in calls:
        line = json.loads(text)
        say({"reply": line["id"], "outcome": called(package, line)})
    # Threads of the package would keep a process that nobody listens to.
    os._exit(0)


if __name__ == "__main__":
    main()
