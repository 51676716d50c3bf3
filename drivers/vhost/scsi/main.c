// SPDX-License-Identifier: GPL-2.0-only
/* /dev/vhost-scsi: open, release, ioctls, module. */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "scsi.h"

static unsigned int max_io_vqs = 128;

/* Others' configuration files may ask for more than there is: give the most. */
static int max_io_vqs_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int err = kstrtouint(val, 0, &n);

	if (err)
		return err;
	WRITE_ONCE(*(unsigned int *)kp->arg, clamp(n, 1U, VHOST_SCSI_MAX_IO_VQS));
	return 0;
}

static const struct kernel_param_ops max_io_vqs_ops = {
	.set = max_io_vqs_set,
	.get = param_get_uint,
};

module_param_cb(max_io_vqs, &max_io_vqs_ops, &max_io_vqs, 0644);
__MODULE_PARM_TYPE(max_io_vqs, "uint");
MODULE_PARM_DESC(max_io_vqs,
		 "Maximum number of I/O virtqueues of a device. (default: 128, maximum: 1024)");

static unsigned int inline_sg_cnt = VHOST_SCSI_MAX_SG;

static int inline_sg_cnt_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int err = kstrtouint(val, 10, &n);

	if (err)
		return err;
	if (n > VHOST_SCSI_MAX_SG)
		return -EINVAL;
	WRITE_ONCE(*(unsigned int *)kp->arg, n);
	return 0;
}

static const struct kernel_param_ops inline_sg_cnt_ops = {
	.set = inline_sg_cnt_set,
	.get = param_get_uint,
};

module_param_cb(inline_sg_cnt, &inline_sg_cnt_ops, &inline_sg_cnt, 0644);
__MODULE_PARM_TYPE(inline_sg_cnt, "uint");
MODULE_PARM_DESC(inline_sg_cnt,
		 "Scatterlist entries that each command has beforehand. (default and maximum: 2048)");

/* VHOST_SCSI_GET_ABI_VERSION */
static int vhost_scsi_abi_version(struct vhost_dev *dev, void *arg, void __user *user)
{
	*(int *)arg = VHOST_SCSI_ABI_VERSION;
	return 0;
}

static const struct vhost_ioctl vhost_scsi_ioctls[] = {
	{ { VHOST_SCSI_SET_ENDPOINT, VHOST_IOCTL_RAW }, .fn = vhost_scsi_set_endpoint },
	{ { VHOST_SCSI_CLEAR_ENDPOINT, VHOST_IOCTL_RAW }, .fn = vhost_scsi_clear_endpoint },
	{ { VHOST_SCSI_GET_ABI_VERSION, VHOST_IOCTL_ANYONE | VHOST_IOCTL_OUT },
	  .fn = vhost_scsi_abi_version },
	{ { VHOST_SCSI_SET_EVENTS_MISSED, VHOST_IOCTL_ANYONE },
	  .fn = vhost_scsi_set_events_missed },
	{ { VHOST_SCSI_GET_EVENTS_MISSED, VHOST_IOCTL_ANYONE | VHOST_IOCTL_OUT },
	  .fn = vhost_scsi_get_events_missed },
};

/* What commands have room for is fixed when the endpoint is set (FAULTS 36). */
static int vhost_scsi_features_ok(struct vhost_dev *dev, const u64 *features)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);

	if (scsi->tpgs && ((features[0] ^ dev->vqs[0]->features) & ~BIT_ULL(VHOST_F_LOG_ALL)))
		return -EBUSY;
	return 0;
}

static void vhost_scsi_vq_features(struct vhost_virtqueue *vq)
{
	vhost_scsi_queue(vq)->pi = vq->features & BIT_ULL(VIRTIO_SCSI_F_T10_PI);
}

static void vhost_scsi_show_vq(struct seq_file *m, struct vhost_virtqueue *vq)
{
	struct vhost_scsi_queue *q = vhost_scsi_queue(vq);
	const struct vhost_scsi *scsi = q->scsi;

	if (READ_ONCE(vq->backend))
		seq_printf(m, "target: %.*s\n", (int)sizeof(scsi->wwpn), scsi->wwpn);
	seq_printf(m, "at_target: %d\n", atomic_read(&q->at_target));
}

static const struct vhost_dev_ops vhost_scsi_ops = {
	.name = "vhost-scsi",
	.features_array = {
		BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
		BIT_ULL(VIRTIO_F_ANY_LAYOUT) |
		BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
		BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		BIT_ULL(VIRTIO_F_VERSION_1) |
		BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
		BIT_ULL(VIRTIO_F_RING_PACKED) |
		BIT_ULL(VIRTIO_SCSI_F_HOTPLUG) |
		BIT_ULL(VIRTIO_SCSI_F_T10_PI) |
		BIT_ULL(VHOST_F_LOG_ALL),
	},
	.ioctls = vhost_scsi_ioctls,
	.nioctls = ARRAY_SIZE(vhost_scsi_ioctls),
	.features_ok = vhost_scsi_features_ok,
	.vq_features = vhost_scsi_vq_features,
	.stop = vhost_scsi_stop,
	.show_vq = vhost_scsi_show_vq,
};

static void vhost_scsi_queue_init(struct vhost_scsi *scsi, unsigned int i)
{
	struct vhost_scsi_queue *q = &scsi->queue[i];

	q->scsi = scsi;
	init_llist_head(&q->done);
	atomic_set(&q->at_target, 0);
	if (i == VHOST_SCSI_CTL) {
		vhost_vq_init(&q->vq, vhost_scsi_handle_ctl);
		vhost_work_init(&q->done_work, vhost_scsi_ctl_done);
	} else if (i == VHOST_SCSI_EVT) {
		vhost_vq_init(&q->vq, vhost_scsi_handle_evt);
	} else {
		vhost_vq_init(&q->vq, vhost_scsi_handle_io);
		vhost_work_init(&q->done_work, vhost_scsi_io_done);
	}
	scsi->vqs[i] = &q->vq;
}

static void vhost_scsi_free(struct vhost_scsi *scsi)
{
	kvfree(scsi->queue);
	kvfree(scsi->vqs);
	kvfree(scsi);
}

static int vhost_scsi_open(struct inode *inode, struct file *file)
{
	unsigned int i, nvqs = READ_ONCE(max_io_vqs) + VHOST_SCSI_IO;
	struct vhost_scsi *scsi = kvzalloc_obj(*scsi, GFP_KERNEL_ACCOUNT);

	if (!scsi)
		return -ENOMEM;
	scsi->vqs = kvmalloc_objs(*scsi->vqs, nvqs, GFP_KERNEL_ACCOUNT);
	scsi->queue = kvzalloc_objs(*scsi->queue, nvqs, GFP_KERNEL_ACCOUNT);
	if (!scsi->vqs || !scsi->queue) {
		vhost_scsi_free(scsi);
		return -ENOMEM;
	}
	scsi->inline_sg = READ_ONCE(inline_sg_cnt);
	init_waitqueue_head(&scsi->idle);
	spin_lock_init(&scsi->event_lock);
	vhost_work_init(&scsi->event_work, vhost_scsi_event_work);
	for (i = 0; i < nvqs; i++)
		vhost_scsi_queue_init(scsi, i);
	vhost_dev_init(&scsi->dev, &vhost_scsi_ops, scsi->vqs, nvqs);
	file->private_data = &scsi->dev;
	return 0;
}

static int vhost_scsi_release(struct inode *inode, struct file *file)
{
	struct vhost_scsi *scsi = container_of(file->private_data, struct vhost_scsi, dev);

	vhost_dev_release(&scsi->dev);
	vhost_scsi_free(scsi);
	return 0;
}

static const struct file_operations vhost_scsi_fops = {
	VHOST_DEV_FILE_OPS,
	.open = vhost_scsi_open,
	.release = vhost_scsi_release,
};

static struct miscdevice vhost_scsi_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-scsi",
	.fops = &vhost_scsi_fops,
};

static int __init vhost_scsi_init(void)
{
	int err = target_register_template(&vhost_scsi_fabric);

	if (err)
		return err;
	err = misc_register(&vhost_scsi_misc);
	if (err)
		target_unregister_template(&vhost_scsi_fabric);
	return err;
}
module_init(vhost_scsi_init);

static void __exit vhost_scsi_exit(void)
{
	misc_deregister(&vhost_scsi_misc);
	target_unregister_template(&vhost_scsi_fabric);
}
module_exit(vhost_scsi_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("SCSI host adapters for guests, with the kernel's own targets behind them");
MODULE_ALIAS("tcm_vhost");
MODULE_IMPORT_NS("RINGSIDE");
