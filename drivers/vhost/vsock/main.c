// SPDX-License-Identifier: GPL-2.0-only
/* /dev/vhost-vsock: open, release, ioctls, start and stop, module. */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vsock.h"

static int queue_start(struct vhost_virtqueue *vq, struct vhost_vsock *vsock, bool *ran)
{
	int err = vhost_vq_lock(vq);

	if (err)
		return err;
	*ran = vq->backend;
	err = vhost_vq_start(vq, vsock);
	mutex_unlock(&vq->mutex);
	return err;
}

static int queue_stop(struct vhost_virtqueue *vq)
{
	int err = vhost_vq_lock(vq);

	if (err)
		return err;
	vhost_vq_stop(vq);
	mutex_unlock(&vq->mutex);
	return 0;
}

/* Start the queues that are not running, or none. */
static int queues_start(struct vhost_vsock *vsock)
{
	bool ran[VHOST_VSOCK_NVQS];
	unsigned int i;
	int err = 0;

	for (i = 0; i < VHOST_VSOCK_NVQS; i++) {
		err = queue_start(vsock->vqs[i], vsock, &ran[i]);
		if (err)
			break;
	}
	if (err)
		while (i--)
			if (!ran[i])
				queue_stop(vsock->vqs[i]);
	return err;
}

/* What the guest knows. Context: vhost_dev.mutex. */
static void vhost_vsock_note_features(struct vhost_vsock *vsock, u64 features)
{
	WRITE_ONCE(vsock->seqpacket, features & BIT_ULL(VIRTIO_VSOCK_F_SEQPACKET));
}

/*
 * Both queues look at what there is once they are started: the guest may have kicked
 * before, sockets may have sent during a pause (FAULTS 84).
 */
static int vhost_vsock_start(struct vhost_vsock *vsock)
{
	enum vhost_vsock_state old = vsock->state;
	int err;

	/* First, so that what the guest's packets are answered with is not refused. */
	WRITE_ONCE(vsock->state, VHOST_VSOCK_RUNNING);
	err = queues_start(vsock);
	if (err)
		WRITE_ONCE(vsock->state, old);
	else
		vhost_vsock_note_features(vsock, vsock->vqs[VSOCK_VQ_RX]->features);
	return err;
}

/* Packets wait until the device starts again; there is no other end to that but release. */
static void vhost_vsock_pause(struct vhost_vsock *vsock)
{
	if (vsock->state == VHOST_VSOCK_RUNNING)
		WRITE_ONCE(vsock->state, VHOST_VSOCK_PAUSED);
}

/* VHOST_VSOCK_SET_RUNNING: start or stop both queues. */
static int vhost_vsock_set_running(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_vsock *vsock = container_of(dev, struct vhost_vsock, dev);
	unsigned int i;
	int err = 0;

	if (*(int *)arg)
		return vhost_vsock_start(vsock);
	for (i = 0; i < VHOST_VSOCK_NVQS && !err; i++)
		err = queue_stop(vsock->vqs[i]);
	if (err && vsock->state == VHOST_VSOCK_RUNNING)
		queues_start(vsock);
	else if (!err)
		vhost_vsock_pause(vsock);
	return err;
}

/* Let go of both queues. Context: vhost_dev.mutex. */
static void vhost_vsock_stop(struct vhost_dev *dev)
{
	struct vhost_vsock *vsock = container_of(dev, struct vhost_vsock, dev);
	unsigned int i;

	vhost_vsock_pause(vsock);
	for (i = 0; i < VHOST_VSOCK_NVQS; i++) {
		mutex_lock(&vsock->vqs[i]->mutex);
		vhost_vq_stop(vsock->vqs[i]);
		mutex_unlock(&vsock->vqs[i]->mutex);
	}
	/* Senders that saw the device run queue no work any more (FAULTS 20). */
	synchronize_rcu();
	vhost_dev_flush(dev);
}

/*
 * While the device is paused what the guest knew before still holds: its owner may
 * change then, and sockets are not to notice.
 */
static void vhost_vsock_vq_features(struct vhost_virtqueue *vq)
{
	struct vhost_vsock *vsock = vhost_vsock_of(vq);

	if (vsock->state != VHOST_VSOCK_PAUSED)
		vhost_vsock_note_features(vsock, vq->features);
}

static const struct vhost_ioctl vhost_vsock_ioctls[] = {
	{ { VHOST_VSOCK_SET_GUEST_CID, VHOST_IOCTL_ANYONE }, .fn = vhost_vsock_set_guest_cid },
	{ { VHOST_VSOCK_SET_RUNNING }, .fn = vhost_vsock_set_running },
};

static void vhost_vsock_show_vq(struct seq_file *m, struct vhost_virtqueue *vq)
{
	struct vhost_vsock *vsock = vhost_vsock_of(vq);

	seq_printf(m, "cid: %u\n", vhost_vsock_cid(vsock));
	if (vq == &vsock->rx.vq)
		seq_printf(m, "waiting: %u\n", skb_queue_len_lockless(&vsock->rx.waiting));
	seq_printf(m, "answers: %d\n", atomic_read(&vsock->answers));
}

static const struct vhost_dev_ops vhost_vsock_ops = {
	.name = "vhost-vsock",
	.features = BIT_ULL(VIRTIO_VSOCK_F_SEQPACKET) |
		    BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
		    BIT_ULL(VHOST_F_LOG_ALL) |
		    BIT_ULL(VIRTIO_F_ANY_LAYOUT) |
		    BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
		    BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		    BIT_ULL(VIRTIO_F_VERSION_1) |
		    BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
		    BIT_ULL(VIRTIO_F_RING_PACKED) |
		    BIT_ULL(VIRTIO_F_IN_ORDER),
	.ioctls = vhost_vsock_ioctls,
	.nioctls = ARRAY_SIZE(vhost_vsock_ioctls),
	.vq_features = vhost_vsock_vq_features,
	.stop = vhost_vsock_stop,
	.show_vq = vhost_vsock_show_vq,
};

static int vhost_vsock_open(struct inode *inode, struct file *file)
{
	struct vhost_vsock *vsock = kvzalloc(sizeof(*vsock), GFP_KERNEL_ACCOUNT);

	if (!vsock)
		return -ENOMEM;
	vsock->net = get_net_track(current->nsproxy->net_ns, &vsock->net_tracker, GFP_KERNEL);
	vsock->vqs[VSOCK_VQ_RX] = &vsock->rx.vq;
	vsock->vqs[VSOCK_VQ_TX] = &vsock->tx.vq;
	vhost_vq_init(&vsock->rx.vq, vhost_vsock_handle_rx);
	vhost_vq_init(&vsock->tx.vq, vhost_vsock_handle_tx);
	skb_queue_head_init(&vsock->rx.waiting);
	__skb_queue_head_init(&vsock->tx.taken);
	vhost_dev_init(&vsock->dev, &vhost_vsock_ops, vsock->vqs, VHOST_VSOCK_NVQS);
	file->private_data = &vsock->dev;
	return 0;
}

/*
 * Whoever closes the file last, the owner or not (FAULTS 85). Connections are reset once
 * no packet of the guest can make a new one.
 */
static int vhost_vsock_release(struct inode *inode, struct file *file)
{
	struct vhost_vsock *vsock = container_of(file->private_data, struct vhost_vsock, dev);

	vhost_vsock_leave(vsock);
	/* Stops, and so waits for senders who found the device before. */
	vhost_dev_release(&vsock->dev);
	vhost_vsock_free_cid(vsock);
	vhost_vsock_reset_orphans();
	virtio_vsock_skb_queue_purge(&vsock->rx.waiting);
	put_net_track(vsock->net, &vsock->net_tracker);
	kvfree(vsock);
	return 0;
}

static const struct file_operations vhost_vsock_fops = {
	VHOST_DEV_FILE_OPS,
	.open = vhost_vsock_open,
	.release = vhost_vsock_release,
};

static struct miscdevice vhost_vsock_misc = {
	.minor = VHOST_VSOCK_MINOR,
	.name = "vhost-vsock",
	.fops = &vhost_vsock_fops,
};

static int __init vhost_vsock_init(void)
{
	int err = vsock_core_register(&vhost_vsock_transport.transport,
				      VSOCK_TRANSPORT_F_H2G);

	if (err == -EBUSY)
		pr_warn("vhost_vsock: this host's sockets have a way to its guests already, of another module\n");
	if (err)
		return err;
	err = misc_register(&vhost_vsock_misc);
	if (err)
		vsock_core_unregister(&vhost_vsock_transport.transport);
	return err;
}
module_init(vhost_vsock_init);

static void __exit vhost_vsock_exit(void)
{
	misc_deregister(&vhost_vsock_misc);
	vsock_core_unregister(&vhost_vsock_transport.transport);
}
module_exit(vhost_vsock_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("virtio-vsock devices with their data path in the host kernel");
MODULE_ALIAS_MISCDEV(VHOST_VSOCK_MINOR);
MODULE_ALIAS("devname:vhost-vsock");
MODULE_IMPORT_NS("RINGSIDE");
