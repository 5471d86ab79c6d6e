#!/usr/bin/env python3
"""Prints the request that is sent to the job's endpoint. promptd adds the address and the key: a script never sees them."""
import json
import sys

job = json.load(sys.stdin)
request = {
    "path": "/chat/completions",
    "body": {
        "model": job["endpoint"]["model"],
        "messages": job["messages"],
        "max_tokens": job["configuration"]["max_tokens"],
        "stream": False,
    },
    # Where the answer stands, as a JSON pointer.
    "result": "/choices/0/message/content",
}
print(json.dumps({"http": request}))
