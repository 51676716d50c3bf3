// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: pages of the device by which a VMM's guest kicks a queue without us.
 * The page at offset N of the file is that of queue N.
 */

#include <linux/mm.h>
#include <linux/nospec.h>

#include "vdpa.h"

/* The doorbell that a mapping is about; what the parent says may change. */
static int vhost_vdpa_doorbell(struct vhost_vdpa_file *file, unsigned long index,
			       struct vdpa_doorbell *doorbell)
{
	struct vdpa_device *vdev = file->vdev;
	int err;

	if (index >= vdev->nvqs)
		return -EINVAL;
	if (!vdev->ops->vq_doorbell)
		return -EOPNOTSUPP;
	index = array_index_nospec(index, vdev->nvqs);
	err = vdev->ops->vq_doorbell(vdev, index, doorbell);
	if (err)
		return err;
	/* What else is on the page is none of the guest's business. */
	if (!PAGE_ALIGNED(doorbell->addr))
		return -EINVAL;
	return doorbell->size == PAGE_SIZE ? 0 : -EOPNOTSUPP;
}

static vm_fault_t vhost_vdpa_doorbell_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vdpa_doorbell doorbell;

	if (vhost_vdpa_doorbell(vma->vm_file->private_data, vma->vm_pgoff, &doorbell))
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vma, vmf->address & PAGE_MASK, PHYS_PFN(doorbell.addr));
}

static const struct vm_operations_struct vhost_vdpa_doorbell_ops = {
	.fault = vhost_vdpa_doorbell_fault,
};

/**
 * vhost_vdpa_mmap - mmap of a queue's doorbell
 * @file: the file
 * @vma: one page, shared and not readable
 *
 * Context: the owner's mmap_lock, for writing.
 * Return: 0, -EINVAL for another kind of mapping or a queue that is not there,
 * -EOPNOTSUPP if the device has no doorbells, or none that fills its page.
 */
int vhost_vdpa_mmap(struct vhost_vdpa_file *file, struct vm_area_struct *vma)
{
	struct vdpa_doorbell doorbell;
	int err;

	if (vma->vm_end - vma->vm_start != PAGE_SIZE || !(vma->vm_flags & VM_SHARED) ||
	    (vma->vm_flags & VM_READ))
		return -EINVAL;
	err = vhost_vdpa_doorbell(file, vma->vm_pgoff, &doorbell);
	if (err)
		return err;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &vhost_vdpa_doorbell_ops;
	return 0;
}
