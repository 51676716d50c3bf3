# SPDX-License-Identifier: GPL-2.0-only
"""What sphinx-build is told; "make docs" calls it."""
import pathlib
import re

_CONF = (pathlib.Path(__file__).parent.parent / "dkms.conf").read_text(encoding="utf-8")

project = "Ringside"
author = "Ringside developers"
copyright = "2026, " + author
release = version = re.search(r'PACKAGE_VERSION="(.*)"', _CONF).group(1)
highlight_language = "none"
html_theme = "alabaster"
html_show_sourcelink = False
man_pages = [
    ("man/ringside", "ringside", "device side of virtio in the kernel", author, 7),
    ("man/vhost-parameters", "vhost-parameters", "parameters of Ringside's modules", author, 7),
    ("vhost-update-mem-regions", "ioctl_vhost_update_mem_regions",
     "change part of a vhost device's memory table", author, 2),
]
