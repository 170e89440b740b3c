# SPDX-License-Identifier: MIT
"""The parts of the benchmark runner; bench/run.py is the command."""
