"""An AI package of three functions whose first try of a job may go wrong as the job's metadata says (`first`)."""

import os
import threading
import time

status, jobs, answers = {}, {}, {}


def note(job, *words):
    with open(os.path.join(job.metadata["folder"], "notes"), "a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def tries(job):
    path = os.path.join(job.metadata["folder"], "try-" + job.name)
    with open(path, "a") as file:
        file.write("x")
    return os.path.getsize(path)


def get_job_status(instance):
    return status.get(instance, 0)


def submit_job(job, instance):
    count = tries(job)
    first = job.metadata.get("first") if count == 1 else None
    note(job, "submit", instance, job.name, count)
    if first == "fail":
        return -1
    if first == "die":
        os._exit(9)
    status[instance], jobs[instance] = -1, job

    def work():
        time.sleep(0.05)
        while first == "late" and not os.path.exists(os.path.join(job.metadata["folder"], "release")):
            time.sleep(0.02)
        answers[instance] = "%s, try %d" % (job.prompt, count)
        status[instance] = 1

    threading.Thread(target=work, daemon=True).start()
    return 0


def retrieve_job(instance):
    note(jobs[instance], "retrieve", instance, jobs[instance].name)
    return answers.pop(instance, None)
