#!/bin/sh
# Any executable will do. What it prints is the prompt; what it says on stderr goes to the log of the attempt.
echo "looking at the calendar" >&2
echo "It is a $(date -u +%A). Suggest one thing to cook, with a shopping list."
