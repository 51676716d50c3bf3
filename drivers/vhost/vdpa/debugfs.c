// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root may see of a device that is open, in /sys/kernel/debug/vhost/vhost-vdpa-N.
 * The parent counts what becomes of buffers, "vdpa dev vstats show" says it; here is
 * what passes through us. Who reads takes no lock.
 */

#include "core/debugfs.h"
#include "vdpa.h"

static void vhost_vdpa_debug_file_show(struct seq_file *m)
{
	const struct vhost_vdpa_file *file = m->private;
	u32 i;

	seq_printf(m, "device: %s\n", dev_name(&file->vdev->dev));
	seq_printf(m, "owner: %d\n", READ_ONCE(file->owner));
	seq_printf(m, "queues: %u\n", file->vdev->nvqs);
	seq_printf(m, "backend_features: 0x%llx\n", READ_ONCE(file->backend_features));
	seq_printf(m, "suspended: %s\n", READ_ONCE(file->suspended) ? "yes" : "no");
	for (i = 0; i < file->vdev->nas; i++)
		seq_printf(m, "mappings_%u: %u\n", i, READ_ONCE(file->as[i].count));
}

VHOST_DEBUG_FILE(vhost_vdpa_debug_file);

static void vhost_vdpa_debug_vq_show(struct seq_file *m)
{
	const struct vhost_vdpa_vq *vq = m->private;

	seq_printf(m, "size: %u\n", READ_ONCE(vq->num));
	seq_printf(m, "eventfds:%s%s\n", READ_ONCE(vq->kick) ? " kick" : "",
		   READ_ONCE(vq->call) ? " call" : "");
	seq_printf(m, "kicks: %llu\n", READ_ONCE(vq->wait.woken));
	seq_printf(m, "calls: %llu\n", READ_ONCE(vq->calls));
	seq_printf(m, "bypass: %s\n", READ_ONCE(vq->bypassed) ? "yes" : "no");
}

VHOST_DEBUG_FILE(vhost_vdpa_debug_vq);

/**
 * vhost_vdpa_debug_add - files for a device that was opened
 * @file: who has it open
 *
 * Context: may sleep.
 */
void vhost_vdpa_debug_add(struct vhost_vdpa_file *file)
{
	char name[16];
	u32 i;

	file->debug = vhost_debug_dir(dev_name(&file->node->dev));
	debugfs_create_file_unsafe("device", 0400, file->debug, file,
				   &vhost_vdpa_debug_file_fops);
	for (i = 0; i < file->vdev->nvqs; i++) {
		snprintf(name, sizeof(name), "vq%u", i);
		debugfs_create_file_unsafe(name, 0400, file->debug, &file->vqs[i],
					   &vhost_vdpa_debug_vq_fops);
	}
}

/**
 * vhost_vdpa_debug_remove - the files go, and nobody reads them any more
 * @file: who has the device open, still
 *
 * Context: may sleep.
 */
void vhost_vdpa_debug_remove(struct vhost_vdpa_file *file)
{
	debugfs_remove(file->debug);
}
