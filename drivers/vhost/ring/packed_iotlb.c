// SPDX-License-Identifier: GPL-2.0-only
#include "mem_iotlb.h"
#include "packed.h"
#include "template.h"

DEVQ_DEFINE_OPS(packed, iotlb);
