#!/usr/bin/env python3
"""Sums up a file of the workspace. Always the same for the same file, so its job is marked as "pure" and names that file."""
import json
import os
import pathlib

# A script runs in an empty folder of its own; it finds the workspace from where it stands itself.
workspace = pathlib.Path(os.path.realpath(__file__)).parent.parent
orders = [json.loads(line) for line in (workspace / "data" / "orders.jsonl").read_text().splitlines()]
print(sum(order["price"] * order["count"] for order in orders))
