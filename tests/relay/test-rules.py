#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# docs/nbd-rules.md and the tests agree: each rule has a test, each test that is
# named by a rule has that rule, and each test that is mentioned there or in
# SECURITY.md exists.

import glob
import os
import re
import sys

source = os.environ['srcdir']
tests = set()
for path in glob.glob(os.path.join(source, 'tests/relay/test-*.py')):
    with open(path) as file:
        tests |= set(re.findall(r'^def ((?:rule|check)_\w+)', file.read(), re.M))
with open(os.path.join(source, 'docs/nbd-rules.md')) as file:
    text = file.read()
rules = {int(number) for number in re.findall(r'^\| (\d+) \|', text, re.M)}
shown = {int(number) for name in tests
         for number in re.findall(r'^rule_(\d+)_', name)}
with open(os.path.join(source, 'SECURITY.md')) as file:
    text += file.read()
mentioned = {name for name in re.findall(r'`((?:rule|check)_\w+)`', text)}

wrong = ([('rule without a test', rule) for rule in sorted(rules - shown)] +
         [('test without a rule', rule) for rule in sorted(shown - rules)] +
         [('no such test', name) for name in sorted(mentioned - tests)])
for what, which in wrong:
    print('%s: %s' % (what, which))
sys.exit(1 if wrong or rules != set(range(1, 26)) else 0)
