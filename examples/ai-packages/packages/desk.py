"""An AI package: three functions and nothing of promptd. This one counts words where yours would ask a model."""

import threading
import time

status = {}
answers = {}


def get_job_status(instance):
    return status.get(instance, 0)


def submit_job(job, instance):
    status[instance] = -1
    threading.Thread(target=work, args=(job, instance), daemon=True).start()
    return 0


def retrieve_job(instance):
    return answers.pop(instance, None)


def work(job, instance):
    time.sleep(0.2)
    words = job.prompt.split()
    print("counted for", job.name)
    answers[instance] = "%d words, the longest of them *%s*." % (len(words), max(words, key=len))
    status[instance] = 1
