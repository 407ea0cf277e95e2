#!/usr/bin/env bash
# All that wants a GPU, in one call; see benchmarks/gpu.py.
exec python3 "$(dirname "$0")/gpu.py" "$@"
