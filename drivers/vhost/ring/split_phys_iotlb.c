// SPDX-License-Identifier: GPL-2.0-only
#include "mem_phys_iotlb.h"
#include "split.h"
#include "template.h"

DEVQ_DEFINE_OPS(split, phys_iotlb);
