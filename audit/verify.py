#!/usr/bin/env python3
"""Check a Chartseal log on your own computer. One file, nothing to install, no network. Format: docs/log.md.

    python3 verify.py my-log.json                     your list: whole, in order, unchanged
    python3 verify.py my-log.json my-log-older.json   and the newer file continues the older one
    python3 verify.py event.tlog-proof                one event's place in the log

    --key NAME+ID+KEY    the log's public key, from anywhere but the file itself
    --chain SIZE:ROOT    a head you read from the public chain yourself (root in hex)

Exit status 0: everything holds. 1: something does not; the first wrong event is named. 2: nothing was checked.
3: everything holds, but lines have no words any more; they are named.
"""

from __future__ import annotations

import binascii
import json
import re
import sys
from hashlib import sha256, sha512

FORMAT = "chartseal-log/1"
PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
ZERO = bytes(32)
GONE = "Words are gone"  # so begins each finding that makes the exit status 3


class Refused(Exception):
    """What was checked does not hold. The message names the first wrong event."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the RFC 6962 hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the RFC 6962 hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def subject_key(subject: str) -> bytes:
    """Return where a subject (a UUID's text) stands in the map."""
    return sha256(b"chartseal-subject/1\n" + subject.encode()).digest()


def link_hash(salt: bytes, key: bytes, seq: int, previous: bytes) -> bytes:
    """Return what ties a leaf to its predecessor in one subject's list; without the salt it says nothing."""
    return sha256(b"\x04" + salt + key + seq.to_bytes(8, "big") + previous).digest()


def leaf_entry(time: str, body_hash: bytes, link: bytes) -> bytes:
    """Return the bytes of a leaf: version, time, body hash and link, a line each."""
    return f"chartseal-leaf/1\n{time}\n{b64(body_hash)}\n{b64(link)}\n".encode()


def map_leaf(key: bytes, salt: bytes, count: int, last: bytes) -> bytes:
    """Return the hash of one subject in the map: how long their list is and how it ends, hidden by the salt."""
    return sha256(b"\x02" + key + salt + count.to_bytes(8, "big") + last).digest()


def map_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node of the map; two empty halves are empty."""
    return ZERO if left == right == ZERO else sha256(b"\x03" + left + right).digest()


def map_root(key: bytes, node: bytes, path: list[bytes]) -> bytes:
    """Return the map's root over a node at the depth of its path (siblings from the node upwards)."""
    bits = int.from_bytes(key, "big")
    for height, sibling in enumerate(path, 256 - len(path)):
        node = map_node(sibling, node) if bits >> height & 1 else map_node(node, sibling)
    return node


def _steps(index, last, proof):
    """Return each sibling and whether it stands on the left; None unless the proof ends at the root."""
    steps = []
    for sibling in proof:
        if last == 0:
            return None
        steps.append((sibling, left := bool(index & 1) or index == last))
        while left and not index & 1 and index:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    return None if last else steps


def inclusion_holds(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Tell whether the leaf stands at the index in the tree of that size and root. Source: RFC 9162, 2.1.3.2."""
    steps = _steps(index, size - 1, proof) if 0 <= index < size else None
    for sibling, left in steps or ():
        leaf = node_hash(sibling, leaf) if left else node_hash(leaf, sibling)
    return steps is not None and leaf == root


def consistency_holds(size1: int, size2: int, root1: bytes, root2: bytes, proof: list[bytes]) -> bool:
    """Tell whether the second tree only added to the first. Source: RFC 9162, 2.1.4.2."""
    if size1 == size2:
        return not proof and root1 == root2
    if not 0 < size1 < size2 or not proof:
        return False
    full = (size1 & -size1).bit_length() - 1  # the first tree ends in a full subtree this high
    old, *rest = proof if size1 != 1 << full else [root1, *proof]
    new, steps = old, _steps((size1 - 1) >> full, (size2 - 1) >> full, rest)
    for sibling, left in steps or ():
        old, new = (node_hash(sibling, old), node_hash(sibling, new)) if left else (old, node_hash(new, sibling))
    return steps is not None and old == root1 and new == root2


# --- Ed25519, RFC 8032 (verification needs no secrets, so plain arithmetic will do) ----------------
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _point(data: bytes) -> tuple[int, int, int, int]:
    sign, y = divmod(int.from_bytes(data, "little"), 1 << 255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 != sign else x
    if len(data) != 32 or y >= P or (x * x - square) % P or x & 1 != sign:
        raise ValueError
    return x, y, 1, x * y % P


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature is the key's over the message: R = s·B - h·A."""
    try:
        base, a, r = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little")), _point(public), _point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    choice = (total := (0, 1, 1, 0), base, minus_a := (P - a[0], a[1], 1, P - a[3]), _add(base, minus_a))
    for bit in range(255, -1, -1):
        total = _add(_add(total, total), choice[(s >> bit & 1) | (h >> bit & 1) << 1])
    canonical = len(signature) == 64 and s < ORDER
    return canonical and (total[0] - r[0] * total[2]) % P == 0 and (total[1] - r[1] * total[2]) % P == 0


def b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def unb64(text: str, length: int | None = None) -> bytes:
    """Return the bytes of canonical base64. Raises Refused for any other spelling or length."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"))
    except (ValueError, AttributeError):
        data = b"?"
    if b64(data) != text or length not in (None, len(data)):
        raise Refused(f"{str(text)[:60]!r} is not written as this format writes bytes.")
    return data


def number(text: str) -> int:
    """Return a decimal number written without sign, spaces or leading zeros. Raises Refused otherwise."""
    if not (text.isascii() and text.isdigit() and len(text) < 19 and str(int(text)) == text):
        raise Refused(f"{text[:60]!r} is not written as this format writes numbers.")
    return int(text)


def after(name: str, line: str) -> str:
    """Return what a line says after its name. Raises Refused for another line."""
    if not line.startswith(name):
        raise Refused(f"There is no line {name.strip()!r} where it should be.")
    return line[len(name) :]


def load(data: bytes) -> dict:
    """Return the file as an object. Raises Refused unless it is the one canonical way to write that object."""
    try:
        value = json.loads(data)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        if again.encode() == data:
            return value
    except (ValueError, RecursionError):
        raise Refused("The file is damaged: it is not JSON.") from None
    raise Refused("The file was written anew since it was downloaded. Check the file as you received it.")


def shape(value: object, what: str, **fields: type) -> None:
    """Raise Refused unless the value is an object of exactly these fields and types."""
    if not isinstance(value, dict) or {name: type(part) for name, part in value.items()} != fields:
        raise Refused(f"The file is damaged: {what} has not the parts it should have.")


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that tell a signature's key. Source: C2SP signed-note, algorithm 1 (Ed25519)."""
    return sha256(name.encode(errors="replace") + b"\n\x01" + public).digest()[:4]


def public_key(text: str) -> tuple[str, bytes]:
    """Return the name and the 32 bytes of a key written as C2SP writes it: NAME+ID+KEY."""
    name, _, rest = text.partition("+")
    data = unb64(rest.partition("+")[2], 33) if rest else b""
    if not name or not rest or rest[:9] != f"{key_id(name, data[1:]).hex()}+" or data[0] != 1:
        raise Refused(f"{text[:100]!r} is not the public key of a log. Give the key with --key.")
    return name, data[1:]


class Checkpoint:
    """A signed head: size, root, the map's root and when it was signed. Raises Refused unless the key signed it."""

    def __init__(self, note: str, key: str) -> None:
        name, public = public_key(key)
        body, gap, signatures = note.partition("\n\n")
        lines = body.split("\n")
        if not gap or len(lines) != 5 or not re.fullmatch(r"(— \S+ \S+\n)+", signatures):
            raise Refused("The signed head is damaged.")
        if lines[0] != name:
            raise Refused(f"The head is signed for {lines[0][:100]!r}, not for {name!r}.")
        mine = [unb64(line[len(name) + 3 :]) for line in signatures.split("\n") if line.startswith(f"— {name} ")]
        text, mark = f"{body}\n".encode(), key_id(name, public)
        if not any(data[:4] == mark and signature_holds(public, text, data[4:]) for data in mine):
            raise Refused("The head was not signed with the log's key.")
        self.size, self.root, self.time = number(lines[1]), unb64(lines[2], 32), after("chartseal-time/1 ", lines[4])
        self.map_root = unb64(after("chartseal-map/1 ", lines[3]), 32)


LINE = {"seq": int, "number": int, "time": str, "link_salt": str, "proof": list}
PARTS = {"format": str, "key": str, "subject": str, "checkpoint": str, "map": dict, "lines": list, "earlier": list}


class List:
    """A patient's list that holds: every line checked, none missing. Raises Refused at the first that does not."""

    def __init__(self, data: bytes, key: str | None = None) -> None:
        file = load(data)
        shape(file, "the file", **PARTS)
        if file["format"] != FORMAT:
            raise Refused(f"This file is in the format {file['format'][:40]!r}; this program reads {FORMAT!r}.")
        if key not in (None, file["key"]):
            raise Refused(f"The file names another log's key than the one you gave: {file['key'][:100]}")
        self.key, self.subject = file["key"], file["subject"]
        self.checkpoint = Checkpoint(file["checkpoint"], self.key)
        self.count, self.last = self._tail(file["map"])
        self.lines: list[tuple[bytes, int, str]] = []  # each one's leaf, number and name
        for line in file["lines"]:
            self._take(line)
        if len(self.lines) < self.count:
            end = f"ends after {self.lines[-1][2]}" if self.lines else "is empty"
            raise Refused(f"The list {end}, but {self.count:,} were signed: line {len(self.lines) + 1} is missing.")
        if len(self.lines) > self.count or self.lines[-1][0] != self.last:
            raise Refused(f"The list goes on, or ends otherwise, than was signed: {self.lines[self.count - 1][2]}.")
        self.erased = {line["seq"]: self.lines[line["seq"] - 1][2] for line in file["lines"] if "erased" in line}
        self.heads = {self.checkpoint.size: self.checkpoint.root}
        for entry in file["earlier"]:
            self._continue(entry)

    def _tail(self, tail: dict) -> tuple[int, bytes]:
        """Return how many lines were signed, and the last one's leaf."""
        shape(tail, "the length of the list", count=int, last=str, salt=str, path=list)
        count, last, path, key = tail["count"], unb64(tail["last"], 32), hashes(tail["path"]), subject_key(self.subject)
        node = map_leaf(key, unb64(tail["salt"], 32), count % 2**64, last)
        if not 0 < count < 2**63 or len(path) > 256 or map_root(key, node, path) != self.checkpoint.map_root:
            raise Refused("What the file says about the length of your list is not what was signed.")
        return count, last

    def _take(self, line: dict) -> None:
        """Check the next line: its place, its words, and that the log holds it there."""
        position, head, previous = len(self.lines) + 1, self.checkpoint, self.lines[-1][0] if self.lines else ZERO
        facts, body_hash, name = _body(line, position)
        if line["seq"] != position:
            what = "The order was changed" if line["seq"] < position else f"Line {position} is missing"
            raise Refused(f"{what}: at place {position} stands {name}.")
        link = link_hash(unb64(line["link_salt"], 32), subject_key(self.subject), position, previous)
        leaf = leaf_hash(leaf_entry(line["time"], body_hash, link))
        if not inclusion_holds(leaf, line["number"], head.size, hashes(line["proof"]), head.root):
            raise Refused(f"This line is not what was recorded: {name}.")
        if facts and (facts.get("subject"), facts.get("time")) != (self.subject, line["time"]):
            raise Refused(f"This line is about somebody else: {name}.")
        self.lines.append((leaf, line["number"], name))

    def _continue(self, entry: dict) -> None:
        """Check that the signed head continues an earlier one: on the public chain, or of an earlier download."""
        shape(entry, "an earlier head", size=int, root=str, proof=list, where=str)
        head, size, root = self.checkpoint, entry["size"], unb64(entry["root"], 32)
        if not consistency_holds(size, head.size, root, head.root, hashes(entry["proof"])):
            raise Refused(f"The signed head does not continue the earlier one of {size:,} events.")
        self.heads[size] = root

    def check_continues(self, older: List) -> None:
        """Raise Refused unless this list is the older one with nothing but lines added, all after the older head."""
        if (older.key, older.subject) != (self.key, self.subject):
            raise Refused("The two files are not lists of the same person in the same log.")
        for position, (leaf, _, name) in enumerate(older.lines):
            if [mine for mine, _, _ in self.lines[position : position + 1]] != [leaf]:
                raise Refused(f"The newer file does not hold {name} in its place.")
        if older.checkpoint.size not in self.heads:
            raise Refused(f"The newer file has no proof that it continues a log of {older.checkpoint.size:,} events.")
        maps = {head.map_root for head in (self.checkpoint, older.checkpoint) if head.size == self.checkpoint.size}
        if self.heads[older.checkpoint.size] != older.checkpoint.root or len(maps) > 1:
            raise Refused("The log was forked: the newer head does not continue the older one.")
        for _, place, name in self.lines[older.count :]:
            if place < older.checkpoint.size:
                raise Refused(f"The older file was whole by what was signed, and left out {name}.")


def _body(line: dict, position: int) -> tuple[dict, bytes, str]:
    """Return an event's facts, the hash of its body and how a person finds the line; an erased body has no facts."""
    if isinstance(line, dict) and "erased" in line:
        shape(line, f"line {position}", **LINE, erased=str, body_hash=str)
        return {}, unb64(line["body_hash"], 32), f"line {line['seq']} ({line['time'][:40]}, erased)"
    shape(line, f"line {position}", **LINE, body=str, salt=str)
    try:
        facts = json.loads(line["body"])
        what = f"{facts['action']} by {facts['actor']['name']}, event {facts['id']}"
    except (ValueError, RecursionError, TypeError, KeyError):
        facts, what = {"time": "unreadable"}, "no longer readable"
    body_hash = sha256(unb64(line["salt"], 32) + line["body"].encode()).digest()
    return facts, body_hash, f"line {line['seq']} ({line['time'][:40]}, {what})"


def hashes(proof: list) -> list[bytes]:  # an empty text is an empty half of the map
    return [ZERO if text == "" else unb64(text, 32) for text in proof]


def check_proof(text: str, key: str) -> tuple[Checkpoint, int, bytes]:
    """Return the head, index and leaf of a C2SP .tlog-proof that holds; `extra` carries the leaf. Raises Refused."""
    top, gap, note = text.partition("\n\n")
    lines = top.split("\n")
    if not gap or len(lines) < 3 or lines[0] != PROOF_FORMAT:
        raise Refused(f"This is not a file of the format {PROOF_FORMAT}.")
    entry, index, path = unb64(after("extra ", lines[1])), number(after("index ", lines[2])), hashes(lines[3:])
    head = Checkpoint(note, key)
    if not inclusion_holds(leaf_hash(entry), index, head.size, path, head.root):
        raise Refused(f"Event {index:,} is not in the log that was signed.")
    return head, index, entry


def _whole(newest: List, *others: List) -> list[str]:
    """Return what holds of a list, and of an older one beside it. A line without words has only its place to check."""
    gone, changed = newest.erased, "" if newest.erased else "changed, "
    findings = [f"Your list is whole: {newest.count:,} lines, none {changed}missing or out of order."]
    if gone:
        findings.append(f"{GONE} from {len(gone):,} of them. Ask your privacy officer why: {'; '.join(gone.values())}.")
    for older in others:
        newest.check_continues(older)
        findings.append(f"It continues the older list of {older.count:,} lines.")
        if apart := sorted(seq for seq in gone.keys() ^ older.erased.keys() if seq <= older.count):
            findings.append(f"{GONE} from one of the two files and stand in the other: line {str(apart)[1:-1]}.")
    return findings


def check(files: list[bytes], key: str | None = None, chain: str | None = None) -> list[str]:
    """Return what holds, a sentence each; of two files with one head the first is the newer. Raises Refused."""
    if len(files) == 1 and files[0].startswith(PROOF_FORMAT.encode()):
        head, index, entry = check_proof(files[0].decode(errors="replace"), key or "")
        known = {head.size: head.root}
        findings = [f"Event {index:,} of {entry[17:44].decode(errors='replace')} is in the log, unchanged."]
    else:
        *others, newest = sorted((List(file, key) for file in files[::-1]), key=lambda one: one.checkpoint.size)
        head, known, findings = newest.checkpoint, newest.heads, _whole(newest, *others)
        if key is None:
            findings.append(f"The key was read from the file itself. Compare it with the published one: {newest.key}")
    findings.insert(1, f"The log's head was signed on {head.time} over {head.size:,} events.")
    if chain is not None:
        size, _, root = chain.partition(":")
        if {count: head.hex() for count, head in known.items()}.get(number(size)) != root.lower().removeprefix("0x"):
            raise Refused(f"This file does not continue the head of {size} events that you read from the chain.")
        findings.append("It continues the head you read from the chain.")
    return findings


def main(words: list[str]) -> int:
    """Check what the command line names, print a sentence per finding and return the exit status."""
    options = {name: words.pop(words.index(name) + 1) for name in ("--key", "--chain") if name in words[:-1]}
    paths = [word for word in words if word not in options]
    if not 1 <= len(paths) <= 2 or any(path.startswith("-") for path in paths):
        sys.stdout.write(__doc__ or "")
        return 2
    try:
        files = []
        for path in paths:  # by hand: pathlib takes longer to load than a list to check
            with open(path, "rb") as file:
                files.append(file.read())
        findings = check(files, options.get("--key"), options.get("--chain"))
        status = 3 if any(finding.startswith(GONE) for finding in findings) else 0
    except (OSError, MemoryError) as problem:
        named = f"{problem.filename} cannot be read: {problem.strerror}." if isinstance(problem, OSError) else ""
        findings, status = [named or "That is too large to be read on this computer. Nothing was checked."], 2
    except Refused as refusal:
        findings, status = [str(refusal), "This does not hold. Keep the file and show it to your privacy officer."], 1
    safe = ["".join(letter if letter.isprintable() else "?" for letter in finding) for finding in findings]
    sys.stdout.buffer.write("\n".join([*safe, ""]).encode(errors="replace"))  # no words of a file steer the terminal
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
