"""Licences: expressions and what they permit, texts, headers, packages, and the folder that holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.code.fingerprints import recognise
from gristmill.curation.code.licences import Folders, notice, spdx_header
from gristmill.curation.code.package_licences import package_licence
from gristmill.curation.code.spdx import COPYLEFT, PERMISSIVE, allowed, from_words, names, parse

PERMISSION = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated "
    'documentation files (the "Software"), to deal in the Software without restriction, including without limitation the '
    "rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit "
    "persons to whom the Software is furnished to do so{}.\n"
)
NO_WARRANTY = (
    'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE '
    "WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR "
    "COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR "
    "OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."
)
NOTICE = "The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.\n"
MIT = "Copyright (c) 2024 Jane\n\n" + PERMISSION.format(", subject to the following conditions:") + NOTICE + NO_WARRANTY
MIT_0 = PERMISSION.format("") + NO_WARRANTY
BSD_2 = """Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met: 1. Redistributions of source code must retain the above copyright notice, this list of
conditions and the following disclaimer. 2. Redistributions in binary form must reproduce the above copyright notice, this
list of conditions and the following disclaimer in the documentation and/or other materials provided with the distribution.
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING,
BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT
SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR
CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR
PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR
TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
POSSIBILITY OF SUCH DAMAGE."""
ENDORSE = """3. Neither the name of Mill, Inc. nor the names of its contributors may be used to endorse or promote products
derived from this software without specific prior written permission. """
BSD_3 = BSD_2.replace("THIS SOFTWARE IS PROVIDED", ENDORSE + "THIS SOFTWARE IS PROVIDED", 1)


@pytest.mark.parametrize(
    ("expression", "permissive", "not_copyleft"),
    [
        ("MIT", True, True),
        ("mit", True, True),
        ("GPL-3.0-only", False, False),
        ("MIT OR GPL-3.0-only", True, True),
        ("MIT AND GPL-3.0-only", False, False),
        ("(MIT OR GPL-2.0+) AND Apache-2.0", True, True),
        ("MIT OR ISC AND GPL-2.0", True, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False, False),
        ("Apache-2.0 WITH LLVM-exception", True, True),
        ("CC-BY-NC-4.0", False, True),
        ("LicenseRef-Mill", False, True),
        ("see the file", False, True),
        (None, False, True),
    ],
)
def test_an_expression_is_allowed_by_what_it_leaves_to_choose(expression, permissive, not_copyleft):
    assert (allowed(expression, allow=PERMISSIVE), allowed(expression, deny=COPYLEFT)) == (permissive, not_copyleft)


def test_an_exception_may_be_listed_by_itself():
    expression = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert allowed(expression, allow=["MIT", expression])
    assert not allowed(expression, deny=[expression])
    assert not set(PERMISSIVE) & set(COPYLEFT)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("(mit or apache-2.0) and isc", "(Apache-2.0 OR MIT) AND ISC"),
        ("GPL-2.0+ WITH Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("MIT AND (MIT)", "MIT"),
        ("MIT OR", None),
        ("(MIT", None),
        ("MIT WITH", None),
        ("MIT; ISC", None),
        ("", None),
        ("(" * 10_000, None),
        ("(" * 500 + "MIT" + ")" * 500, None),
    ],
)
def test_expressions_are_parsed_by_the_grammar_of_spdx(text, expression):
    parsed = parse(text)
    assert (str(parsed) if parsed else None) == expression


trees = st.recursive(
    st.sampled_from(["MIT", "ISC", "GPL-3.0-only", "Apache-2.0 WITH LLVM-exception"]),
    lambda inner: st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
    max_leaves=8,
)


@given(trees)
def test_what_is_written_parses_to_itself_and_denying_is_monotone(text):
    parsed = parse(text)
    assert parse(str(parsed)) == parsed
    assert allowed(text, allow=names(parsed))
    assert not allowed(text, deny=names(parsed))
    assert allowed(text, deny=["MIT"]) or not allowed(text, deny=["MIT", "ISC"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MIT, ["MIT"]),
        (MIT_0, ["MIT-0"]),
        (BSD_2, ["BSD-2-Clause"]),
        (BSD_3, ["BSD-3-Clause"]),
        (BSD_3 + "\n\n---\n\n" + MIT, ["BSD-3-Clause", "MIT"]),
        ("All rights reserved. " * 50, []),
        (MIT[: len(MIT) // 2], []),
        ("", []),
    ],
)
def test_licences_are_known_by_their_texts(text, found):
    assert sorted(recognise(text)) == found
    wrapped = (
        "/*\n" + re.sub(r"(.{40}\S*) ", r" * \1\n", text.replace("copyright notice", "Copyright  NOTICE")) + "\n*/"
    )
    assert sorted(recognise(wrapped)) == found


@pytest.mark.parametrize(
    ("head", "licence"),
    [
        ("// Licensed under the Apache License, Version 2.0 (the \"License\");", "Apache-2.0"),
        ("# it under the terms of the GNU General Public License as published by\n# the Free Software Foundation; version 2.\n", "GPL-2.0"),
        ("either version 3 of the GNU Lesser General Public License, or (at your option) any later version", "LGPL-3.0-or-later"),
        ("the GNU Lesser General Public\n * License as published by the Free Software Foundation; either\n * version 2.1 of the "
         "License, or (at your option) any later version.", "LGPL-2.1-or-later"),
        ("under the terms of the GNU Affero General Public License, version 3 or later", "AGPL-3.0-or-later"),
        ("This Source Code Form is subject to the terms of the Mozilla Public\n// License, v. 2.0.", "MPL-2.0"),
        ("Distributed under the MIT License.", "MIT"),
        ("/*" + MIT + "*/", "MIT"),
        ("/*" + BSD_2 + "*/", "BSD-2-Clause"),
        ("/*" + BSD_2[:300], None),
        ("// Use of this source code is governed by a BSD-style license that can be found in the LICENSE file.", None),
        ("int licence_count;", None),
    ],
)  # fmt: skip
def test_headers_name_licences_in_the_usual_words(head, licence):
    assert notice(head) == licence


def test_spdx_lines_hold_together():
    assert spdx_header("# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: ISC\n") == "ISC AND MIT"
    assert spdx_header("/* SPDX-License-Identifier: LicenseRef-Mill:1 */") == "LicenseRef-Mill:1"


@pytest.mark.parametrize(
    ("name", "data", "licence"),
    [
        ("package.json", '{"license": "MIT"}', "MIT"),
        ("package.json", '{"license": {"type": "ISC"}}', "ISC"),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "GPL-2.0 OR MIT"),
        ("package.json", '{"license": "SEE LICENSE IN LICENSE.md"}', None),
        ("package.json", '{"license": "UNLICENSED"}', None),
        ("package.json", "[" * 100_000, None),
        ("Cargo.toml", '[package]\nlicense = "Unlicense/MIT"', "MIT OR Unlicense"),
        ("pyproject.toml", '[project]\nlicense = {text = "BSD 3-Clause License"}', "BSD-3-Clause"),
        ("pyproject.toml", '[project]\nclassifiers = ["License :: OSI Approved :: MIT License"]', "MIT"),
        ("setup.cfg", "[metadata]\nlicense = LICENSE.txt\nclassifiers =\n    License :: OSI Approved :: Apache Software License\n", "Apache-2.0"),
        ("setup.py", "setup(name='x', license='GPLv3+')", "GPL-3.0-or-later"),
        ("mill.gemspec", '  s.license = "MIT"\n', "MIT"),
        ("mill.cabal", "license:        BSD3\n", "BSD-3-Clause"),
        ("pom.xml", "<licenses>\n <license>\n <name>Apache License, Version 2.0</name>", "Apache-2.0"),
        ("DESCRIPTION", "License: GPL-3\n", "GPL-3.0"),
        ("main.py", "license = 'MIT'", None),
    ],
)  # fmt: skip
def test_packages_state_their_licence(name, data, licence):
    assert package_licence(name, data.encode()) == licence


def test_the_nearest_folder_upwards_holds_and_packages_say_how_texts_go_together():
    folders = Folders()
    for path, data in {
        "r/LICENSE": MIT,
        "r/vendor/LICENSE": BSD_3,
        "r/dual/LICENSE": MIT + BSD_2,
        "r/dual/package.json": '{"license": "(MIT OR BSD-2-Clause)"}',
        "r/plain/package.json": '{"private": true}',
        "r/reuse/LICENSES/ISC.txt": "Permission to use ...",
    }.items():
        assert folders.wants(path)
        folders.add(path, data.encode())
    assert folders.licence("r/src/deep/a.py") == ("MIT", "file")
    assert folders.licence("r/vendor/x/a.c") == ("BSD-3-Clause", "file")
    assert folders.licence("r/dual/a.js") == ("BSD-2-Clause OR MIT", "package")
    assert folders.licence("r/plain/a.js") == ("MIT", "file")
    assert folders.licence("r/reuse/a.js") == ("ISC", "file")
    assert folders.licence("elsewhere/a.py") is None


def test_a_licence_at_the_top_of_an_archive_without_a_folder_holds():
    folders = Folders()
    folders.add("COPYING", MIT.encode())
    assert folders.licence("a.py") == folders.licence("src/a.py") == ("MIT", "file")


def test_everyday_names_are_understood_and_others_are_not():
    assert from_words("GPLv2+") == "GPL-2.0-or-later"
    assert from_words("The MIT License (MIT)") == "MIT"
    assert from_words("Proprietary") is None
