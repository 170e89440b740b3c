# SPDX-License-Identifier: MIT
"""A python program that lives on its allocator: trees, tables of small objects, text, JSON.

usage: allocate.py SCALE     prints checksums; the same for every allocator
"""

import hashlib
import json
import sys


class Node:
    __slots__ = ("left", "right", "key")

    def __init__(self, key):
        self.left = None
        self.right = None
        self.key = key


def numbers(count, seed):
    """A plain generator of its own: the sequence must not depend on the python version."""
    value = seed
    for _ in range(count):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        yield value


def build_tree(keys):
    root = None
    for key in keys:
        node = Node(key)
        if root is None:
            root = node
            continue
        at = root
        while True:
            side = "left" if key < at.key else "right"
            below = getattr(at, side)
            if below is None:
                setattr(at, side, node)
                break
            at = below
    return root


def depth_sum(root):
    total, stack = 0, [(root, 1)]
    while stack:
        node, depth = stack.pop()
        if node is not None:
            total += depth
            stack.append((node.left, depth + 1))
            stack.append((node.right, depth + 1))
    return total


def records(count):
    return [
        {"id": i, "name": f"record {value:x}", "tags": [str(value % 97), str(value % 13)],
         "weight": value / 7.0, "parent": {"id": i // 3, "path": "/" * (value % 5)}}
        for i, value in enumerate(numbers(count, 42))
    ]


def churn(rounds):
    """A cache that replaces entries of changing size: what a long-running server does."""
    cache = {}
    for i, value in enumerate(numbers(rounds, 7)):
        cache[value % 5000] = bytes(value % 1500) + str(i).encode()
    digest = hashlib.sha256()
    for key in sorted(cache):
        digest.update(cache[key])
    return digest.hexdigest()


def words(count):
    text = " ".join(f"w{value % 30000}" for value in numbers(count, 99))
    table = {}
    for word in text.split():
        table.setdefault(word, []).append(len(table))
    return sorted(table.items(), key=lambda item: (-len(item[1]), item[0]))


def main():
    scale = int(sys.argv[1])
    print("tree", depth_sum(build_tree(numbers(4000 * scale, 1))))
    rows = records(4000 * scale)
    text = json.dumps(rows, sort_keys=True)
    print("json", len(text), hashlib.sha256(text.encode()).hexdigest(), json.loads(text) == rows)
    print("churn", churn(20000 * scale))
    top = words(20000 * scale)
    print("words", len(top), top[0][0], len(top[0][1]), top[-1])


main()
