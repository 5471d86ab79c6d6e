#!/usr/bin/env python3
"""Prints a prompt. The job comes as JSON on stdin; what the link says under "args" is among it."""
import json
import sys

job = json.load(sys.stdin)
words = job["args"]["words"]
topic = job["metadata"]["topic"]
print(f"Explain {topic} in at most {words} words.")
print(f"(This is {job['name']}, run {job['run']}.)")
