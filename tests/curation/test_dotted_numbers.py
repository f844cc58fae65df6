"""Versions, sections and lists of small numbers stay; addresses that look like them do not."""

import pytest

from gristmill.curation.pii import KINDS
from tests.curation.masking import masking

masked = masking(*KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "Sections 5.1.2.3, 5.1.2.4 and 5.1.2.5",
        "Sections 50.61.2.3, 50.61.2.4 and 50.61.2.5",
        "versions 1.2.3.4, 1.2.3.5",
        "from version 1.2.3.4 to 1.2.3.5",
        "from version 99.62.3.4 to 99.62.3.5",
        "(see 4.5.6.7)",
        "The server is explained (see 5.1.2.3 and 5.1.2.4).",
        "v1.2.3.4-5.6.7.8",
        "v91.62.3.4-95.66.7.8",
        "kernel 5.15.0.91, PHP 5.3.3.7, Oracle 11.2.0.4, jQuery 3.6.0.1, libssl 3.0.2.15",
        "Java 17.0.8.1",
        "EC 3.4.21.4 (trypsin) and EC 2.7.11.101",
        "a dental formula of 1.1.3.3",
        "[06:39] <anna> 2.0.0.1 on Edgy",
        "OpenSSL 1.0.2.7 release 93.184.216.34",
        "release 93.184.216.34 of 1.0.2.7",
        "Adobe Flash Player 9.0.124.0 is required.",
        "Flash Player 11.2.202.233 for Linux",
        "Photoshop 20.0.71.5 and Chrome/49.0.2.1",
        "Java 8.0.66.18 was installed",
        "upgrade from 6.0.88.1 to 6.0.89.2",
    ],
)
def test_versions_and_sections_stay(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "nameserver {}",
        "DNS servers: {}, {}",
        "ping {}",
        "IP address: {}",
        "Received: from mail.mill.org (mail.mill.org [{}])\n\tby mx.mill.org",
        "X-Originating-IP: [{}]",
        "Submission from: (NULL) ({})",
        '{} - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200',
        "Oct 10 13:55:36 mill sshd[1]: Failed password for root from {} port 22 ssh2",
        "kernel: IN=eth0 SRC={} DST={} LEN=40",
        "13:55:36 192.168.7.1 {} 80",
        "[client {}] File does not exist",
        "http://{}:8080/x",
        "{}:443",
        "inet {}/24",
        "<10664.squirrel@{}>",
    ],
)
def test_a_small_address_is_masked_where_something_tells_it(text):
    assert masked(text.replace("{}", "24.3.4.5")) == text.replace("{}", "192.0.2.1")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "see {}",
        "it was {}, I think",
        "version 1.2.3.4 on {}",
        "{} Mill Road",
        "our office {}",
        "edge {}",
        "Windows {}",
    ],
)
def test_a_large_address_needs_no_hint(text):
    assert masked(text.format("93.184.216.34")) == text.format("192.0.2.1")
