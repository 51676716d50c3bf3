/* SPDX-License-Identifier: GPL-2.0-only */
/* All there is of it is in standin.h. */
