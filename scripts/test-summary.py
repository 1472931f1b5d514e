#!/usr/bin/env python3
"""Prints the results of all tests, and why tests failed: test-summary.py SKIPS STREAM...

STREAM is the output of `swift test --event-stream-output-path`. SKIPS lists tests that may be skipped, one
`TEST: reason` per line. The last line is "N passed, N failed, N skipped". Where CI is set, a skipped test that is not listed is
an error, and so is a listed test that does not exist."""

import json
import os
import re
import sys


def outcomes(path, reasons):
    """The result of each test by name and place in the source: passed, failed, or the reason why it was skipped.

    `reasons` gets what was recorded against each test."""
    tests = {}
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                break  # The tests ended in the middle of a line.
            facts = record["payload"]
            if record["kind"] == "test" and facts["kind"] == "function":
                tests[facts["id"]] = "failed: it did not end"
            elif facts["kind"] == "issueRecorded" and not facts["issue"].get("isKnown") and facts.get("testID"):
                text = " ".join(message["text"] for message in facts["messages"])
                reasons.setdefault(facts["testID"], []).append(text[:1000])
            elif facts["kind"] in ("testSkipped", "testEnded") and facts["testID"] in tests:
                message = facts["messages"][0]
                reason = message["text"].partition(': "')[2].removesuffix('"') or "no reason is given"
                outcome = {"fail": "failed", "skip": f"skipped: {reason}"}.get(message["symbol"], "passed")
                tests[facts["testID"]] = outcome
    return tests


def name(test):
    """A test's name without its place in the source."""
    return re.sub(r"/[^/]*\.swift:\d+:\d+$", "", test)


def main(skips, *streams):
    with open(skips, encoding="utf-8") as lines:
        listed = [line.partition(": ")[0] for line in lines if line.strip() and not line.startswith("#")]
    tests, reasons = {}, {}
    for stream in streams:
        tests |= outcomes(stream, reasons)
    failed = [test for test, outcome in tests.items() if outcome.startswith("failed")]
    skipped = [test for test, outcome in tests.items() if outcome.startswith("skipped")]
    for test in sorted(skipped) + sorted(failed):
        print(f"{name(test)} {tests[test]}")
        for reason in reasons.get(test, [])[:5]:
            print(f"    {reason}")
    errors = []
    if os.environ.get("CI"):
        errors += [f"{name(test)} was skipped and is not in {skips}" for test in skipped if name(test) not in listed]
        known = {name(test) for test in tests}
        errors += [f"{test} is in {skips} and there is no such test" for test in listed if test not in known]
    for error in errors:
        print(f"error: {error}")
    print(f"{len(tests) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or errors or not tests else 0


sys.exit(main(*sys.argv[1:]))
