"""A package that does what the metadata of its job says, each thing once; see desk.mjs, which does the same."""

import os
import pathlib
import subprocess
import sys
import threading
import time

desks = {}


class Desk:
    def __init__(self):
        self.status = 0
        self.answer = None
        self.plan = {}


def desk_of(instance):
    return desks.setdefault(instance, Desk())


def note(plan, *words):
    with open(os.path.join(plan["folder"], "notes"), "a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def act(what):
    if what == "raise":
        raise ValueError("a broken desk")
    if what == "exit":
        sys.exit(3)
    if what == "die":
        print("the desk burns", file=sys.stderr)
        os._exit(7)
    if what == "hang":
        time.sleep(3600)
    if what == "print":
        print("a printed line")
        print("a complaint", file=sys.stderr)
        os.write(1, b"written to 1\n")
        subprocess.run(["/bin/echo", "of a program"])
    return {"none": None, "five": 5, "dict": {"a": 1}, "true": True, "failure": -1}.get(what, what)


def get_job_status(instance):
    desk = desk_of(instance)
    what = desk.plan.pop("status", None)
    if what is not None:
        result = act(what)
        if what != "print":
            return result
    return desk.status


def submit_job(job, instance):
    desk = desk_of(instance)
    desk.plan = plan = dict(job.metadata)
    note(plan, "submit", instance, job.prompt, os.getpid())
    what = plan.get("submit")
    if what is not None:
        result = act(what)
        if what != "print":
            return result
    desk.status, desk.answer = -1, None

    def work():
        time.sleep(plan.get("ms", 20) / 1000)
        if plan.get("answer") == "never":
            return
        desk.answer = {
            "bytes": b"\x89PNG\x00\xff",
            "path": pathlib.Path(plan["folder"]) / plan.get("file", "picture.png"),
            "dict": {"a": 1},
        }.get(plan.get("answer"), "%s by %d" % (job["prompt"], instance))
        desk.status = 0 if plan.get("answer") == "lost" else 1

    threading.Thread(target=work, daemon=True).start()
    return 0


def retrieve_job(instance):
    desk = desk_of(instance)
    note(desk.plan, "retrieve", instance, os.getpid())
    what = desk.plan.pop("retrieve", None)
    if what is not None:
        return act(what)
    return desk.answer
