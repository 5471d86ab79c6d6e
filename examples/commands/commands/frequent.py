#!/usr/bin/env python3
"""A job of type "command" runs it: the prompt comes on stdin, what it prints is the result, 0 is success."""
import collections
import re
import sys

count = int(sys.argv[1])
words = re.findall(r"[a-z]{4,}", sys.stdin.read().lower())
print("| word | times |\n|---|---|")
for word, times in collections.Counter(words).most_common(count):
    print(f"| {word} | {times} |")
