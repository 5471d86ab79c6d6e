#!/usr/bin/env python3
"""Prints a command, which promptd then runs: here a program that gets the prompt on stdin."""
import json
import sys

job = json.load(sys.stdin)
command = {"exec": {"argv": ["tr", "a-z", "A-Z"], "stdin": job["prompt"] + "\n"}}
print(json.dumps(command))
