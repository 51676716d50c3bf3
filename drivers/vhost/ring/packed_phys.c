// SPDX-License-Identifier: GPL-2.0-only
#include "mem_phys.h"
#include "packed.h"
#include "template.h"

DEVQ_DEFINE_OPS(packed, phys);
