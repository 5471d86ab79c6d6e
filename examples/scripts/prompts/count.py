#!/usr/bin/env python3
"""Makes data for a template: an object or a list that it prints as JSON is one in the template, any other text is a text."""
import json
import re
import sys

text = json.load(sys.stdin)["args"]["text"]
words = re.findall(r"\w+", text.lower())
print(json.dumps({"words": len(words), "longest": max(words, key=len)}))
