"""Runs docs/policy.md: its policies are written to files, its commands run over them, and their output must be what the page shows.

Usage: policy_guide.py PAGE PROGRAM DATA [--write]; --write puts the real output into the page, for `git diff` to be looked at."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

page, program, data = (os.path.abspath(p) for p in sys.argv[1:4])
SIZE = re.compile(r"\(\d+ bytes\)")  # of claims that grow when the service says more
BLOCK = re.compile(r"^```(policy (\S+)|console)\n(.*?)^```$", re.M | re.S)


def prepare(folder):
    evidence = os.path.join(data, "clean.evidence.json")
    shutil.copy(evidence, os.path.join(folder, "web1.evidence.json"))
    with open(os.path.join(folder, "events.policy"), "w") as f:
        f.write('version=1.2; authorizationrules { => permit(); };'
                'issuancerules { c:[type=="events"] => issue(type="e", value=c.value); };')
    out = run(folder, "trueboot policy test events.policy --evidence web1.evidence.json -o json")
    claims = json.loads(out)[0]["claims"]
    with open(os.path.join(folder, "events.json"), "w") as f:
        f.write(claims[0]["value"])


def run(folder, line):
    words = shlex.split(line)
    if words[1] == "policy" and "-o" not in words:
        words += ["-o", "table"]
    done = subprocess.run([program] + words[1:], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    return done.stdout


def real(folder, block):
    """The block as it should read."""
    if block[2]:
        with open(os.path.join(folder, block[2]), "w") as f:
            f.write(block[3])
        return block[0]
    text = ""
    for line in block[3].splitlines():
        if line.startswith("$ "):
            text += line + "\n" + run(folder, line[2:])
    return "```console\n" + text + "```"


with open(page) as f:
    text = f.read()
with tempfile.TemporaryDirectory() as folder:
    prepare(folder)
    blocks = list(BLOCK.finditer(text))
    shown = [b[0] for b in blocks]
    should = [real(folder, b) for b in blocks]
if "--write" in sys.argv:
    for old, new in zip(shown, should):
        text = text.replace(old, new, 1)
    with open(page, "w") as f:
        f.write(text)
consoles = [(SIZE.sub("", o), SIZE.sub("", n)) for o, n in zip(shown, should) if o.startswith("```console")]
print(f"1..{len(consoles) + 1}")
for i, (old, new) in enumerate(consoles):
    print("ok" if old == new else "not ok", i + 1, "-", old.splitlines()[1][2:].replace("#", ""))
    if old != new:
        print("\n".join("# " + l for l in new.splitlines()))
print("ok" if len(consoles) >= 6 else "not ok", len(consoles) + 1, "- the page has its examples")
sys.exit(any(o != n for o, n in consoles))
