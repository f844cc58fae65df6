"""Licence statements become SPDX identifiers where they name a licence and its version."""

import pytest

from gristmill.curation.creative_commons import licence_name


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("see https://creativecommons.org/licenses/by-nc-sa/3.0/us/ for terms", "CC-BY-NC-SA-3.0-US"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("using the Attribution-ShareAlike 3.0 Unported (CC BY-SA 3.0) license.", "CC-BY-SA-3.0"),
        ("the Creative Commons Attribution-NonCommercial-NoDerivs License 2.5", "CC-BY-NC-ND-2.5"),
        ("under the Creative Commons Attribution License (version 4.0)", "CC-BY-4.0"),
        ("the Creative Commons Attribution License", "CC-BY"),
        ("Public domain\n in the USA.", "Public domain in the USA."),
        ("  ", None),
    ],
)
def test_a_statement_is_named_or_quoted(statement, name):
    assert licence_name(statement) == name
