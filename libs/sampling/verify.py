#!/usr/bin/env python3
"""An independent verifier of a draw's bundle: Python's standard library only, written from README.md.

usage: verify.py BUNDLE.json     (or - for standard input)

Prints "ok" and the counts, or the first thing that differs with exit code 1.
"""
import hashlib
import hmac
import json
import sys
from datetime import datetime, timezone


def field(data):
    if isinstance(data, str):
        data = data.encode()
    return len(data).to_bytes(4, "big") + data


def u32(number):
    return number.to_bytes(4, "big")


def u64(number):
    return number.to_bytes(8, "big")


def i64(number):
    return number.to_bytes(8, "big", signed=True)


def instant(text):
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
    return i64(int(seconds)) + u32(int(fraction.ljust(9, "0") or 0))


def conversation(chat):
    return field(chat["shop"]) + field(chat["channel"]) + field(chat["id"])


def order(chat):
    return chat["shop"].encode(), chat["channel"].encode(), chat["id"].encode()


def sha256(data):
    return hashlib.sha256(data).digest()


def commitment(merchant, day, seed):
    return sha256(field("jinpai.draw/1 commitment") + field(merchant) + field(day) + field(seed))


def rank(seed, merchant, day, account, chat):
    text = field("jinpai.draw/1 rank") + field(merchant) + field(day) + field(account) + conversation(chat)
    return hmac.new(seed, text, hashlib.sha256).digest()


def plan_bytes(plan):
    return u32(plan["size"]) + u32(plan["threshold"]) + field(plan["counts"])


def chats(listed):
    return u64(len(listed)) + b"".join(conversation(chat) for chat in sorted(listed, key=order))


def agent_hash(merchant, day, account, own_plan, eligible, excluded):
    kind = " with exclusions" if excluded else " with plan" if own_plan else ""
    text = field("jinpai.draw/1 agent" + kind) + field(merchant) + field(day) + field(account)
    if excluded:
        text += bytes([own_plan is not None])
    if own_plan:
        text += plan_bytes(own_plan)
    if excluded:
        text += chats(excluded)
    return sha256(text + chats(eligible))


def list_hash(merchant, day, plan, version, agents):
    text = field("jinpai.draw/1 list") + field(merchant) + field(day) + plan_bytes(plan)
    text += i64(version) + u64(len(agents))
    for account, digest in sorted((account.encode(), digest) for account, digest in agents):
        text += field(account) + field(digest)
    return sha256(text)


def seal(bundle):
    text = field("jinpai.draw/1 seal") + field(bytes.fromhex(bundle["commitment"])) + instant(bundle["committed_at"])
    text += bytes([bundle["before_day"]]) + field(bytes.fromhex(bundle["list_hash"])) + u64(len(bundle["agents"]))
    for agent in sorted(bundle["agents"], key=lambda agent: agent["account"].encode()):
        text += field(agent["account"]) + field(bytes.fromhex(agent["agent_hash"])) + u64(len(agent["drawn"]))
        text += b"".join(conversation(chat) for chat in sorted(agent["drawn"], key=order))
    text += u64(len(bundle["late"]))
    for late in sorted(bundle["late"], key=lambda late: (late["account"].encode(), order(late["conversation"]))):
        text += field(late["account"]) + conversation(late["conversation"])
        text += instant(late["arrived_at"]) + field(late["seed_day"]) + bytes([late["accepted"]])
    text += u64(len(bundle["late_seeds"]))
    for late in sorted(bundle["late_seeds"], key=lambda late: (late["day"], late["commitment"])):
        text += field(late["day"]) + field(bytes.fromhex(late["commitment"])) + field(bytes.fromhex(late["seed"] or ""))
    return sha256(text + instant(bundle["drawn_at"]))


def verify(bundle):
    def same(what, found, computed):
        if found != computed.hex():
            sys.exit(f"{what}: the bundle says {found}, it should be {computed.hex()}")

    if bundle["format"] != "jinpai.draw/1":
        sys.exit(f"unknown format {bundle['format']!r}")
    merchant, day, plan = bundle["merchant"], bundle["day"], bundle["plan"]
    seed = bytes.fromhex(bundle["seed"])
    same("commitment", bundle["commitment"], commitment(merchant, day, seed))
    seen, eligible, sizes, drawn = set(), {}, {}, 0
    for agent in bundle["agents"]:
        account = agent["account"]
        if account in eligible:
            sys.exit(f"account {account!r} is listed twice")
        eligible[account] = len(agent["eligible"])
        own_plan = agent.get("plan")
        sizes[account] = (own_plan or plan)["size"]
        excluded = agent.get("excluded", [])
        for chat in agent["eligible"] + excluded:
            if order(chat) in seen:
                sys.exit(f"conversation {chat} is listed twice")
            seen.add(order(chat))
        computed = agent_hash(merchant, day, account, own_plan, agent["eligible"], excluded)
        same(f"hash of {account!r}", agent["agent_hash"], computed)
        ranked = sorted(agent["eligible"], key=lambda chat: rank(seed, merchant, day, account, chat))
        expected = sorted(order(chat) for chat in ranked[: sizes[account]])
        if sorted(order(chat) for chat in agent["drawn"]) != expected:
            sys.exit(f"the sample of {account!r} is not what the seed gives")
        drawn += len(expected)
    hashes = [(agent["account"], bytes.fromhex(agent["agent_hash"])) for agent in bundle["agents"]]
    same("list hash", bundle["list_hash"], list_hash(merchant, day, plan, bundle["day_closed_version"], hashes))
    late_seeds = {}
    for late in bundle["late_seeds"]:
        late_seeds[late["day"]] = late_seed = bytes.fromhex(late["seed"] or "")
        if late_seed:
            same("commitment", late["commitment"], commitment(merchant, late["day"], late_seed))
    for late in bundle["late"]:
        account, chat, there = late["account"], late["conversation"], eligible.get(late["account"], 0)
        if order(chat) in seen:
            sys.exit(f"late conversation {chat} is listed twice")
        seen.add(order(chat))
        if late["seed_day"] not in late_seeds or late["seed_day"] <= day:
            sys.exit(f"late conversation {chat} of {account!r} is ranked by a seed that may not be")
        late_seed = late_seeds[late["seed_day"]]
        size = sizes.get(account, plan["size"])
        if not late_seed and there > size:
            continue
        number = int.from_bytes(rank(late_seed, merchant, late["seed_day"], account, chat), "big")
        rule = number * there < size << 256
        if late["accepted"] != rule:
            sys.exit(f"late conversation {chat} of {account!r}: the rule gives accepted = {rule}")
    same("seal", bundle["seal"], seal(bundle))
    print(f"ok: {len(bundle['agents'])} agents, {sum(eligible.values())} eligible, {drawn} drawn")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with sys.stdin if sys.argv[1] == "-" else open(sys.argv[1], encoding="utf-8") as source:
        verify(json.load(source))
