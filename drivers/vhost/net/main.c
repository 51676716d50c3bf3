// SPDX-License-Identifier: GPL-2.0-only
/* /dev/vhost-net: open, release, ioctls, module. */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "net.h"

static const struct vhost_ioctl vhost_net_ioctls[] = {
	{ { VHOST_NET_SET_BACKEND }, .fn = vhost_net_set_backend },
};

/* The header grows with these; a tap that does not know it would take half of it for data. */
#define VHOST_NET_TUNNEL_FEATURES						\
	(COMPAT_TUN_UDP_TUNNEL ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO) |	\
				 VIRTIO_BIT(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO) : 0)

static void vhost_net_show_vq(struct seq_file *m, struct vhost_virtqueue *vq)
{
	const struct vhost_net_queue *q = vhost_net_queue(vq);
	const char *backend = "none";

	if (READ_ONCE(vq->backend))
		backend = READ_ONCE(q->is_tap) ? "tap" : "packet socket";
	seq_printf(m, "backend: %s\n", backend);
	seq_printf(m, "packets: %llu\n", READ_ONCE(q->packets));
	seq_printf(m, "lost: %llu\n", READ_ONCE(q->lost));
}

static const struct vhost_dev_ops vhost_net_ops = {
	.name = "vhost-net",
	.features_array = {
		BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
		BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
		BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		BIT_ULL(VIRTIO_F_VERSION_1) |
		BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
		BIT_ULL(VIRTIO_F_RING_PACKED) |
		BIT_ULL(VIRTIO_F_IN_ORDER) |
		BIT_ULL(VIRTIO_F_RING_RESET) |
		BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
		BIT_ULL(VHOST_F_LOG_ALL) |
		BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR),
		VHOST_NET_TUNNEL_FEATURES,
	},
	.ioctls = vhost_net_ioctls,
	.nioctls = ARRAY_SIZE(vhost_net_ioctls),
	.vq_features = vhost_net_vq_features,
	.stop = vhost_net_stop,
	.show_vq = vhost_net_show_vq,
};

/* The socket has something for us: another reason to take a turn. */
static void vhost_net_sock_work(struct vhost_work *work)
{
	struct vhost_net_queue *q = container_of(work, struct vhost_net_queue, sock_poll.work);

	q->vq.handle_kick(&q->vq);
}

static int vhost_net_open(struct inode *inode, struct file *file)
{
	struct vhost_net *net = kvzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);

	if (!net)
		return -ENOMEM;
	net->vqs[VHOST_NET_RX] = &net->rx.q.vq;
	net->vqs[VHOST_NET_TX] = &net->tx.q.vq;
	vhost_vq_init(&net->rx.q.vq, vhost_net_handle_rx);
	vhost_vq_init(&net->tx.q.vq, vhost_net_handle_tx);
	vhost_poll_init(&net->rx.q.sock_poll, vhost_net_sock_work, EPOLLIN, &net->rx.q.vq);
	vhost_poll_init(&net->tx.q.sock_poll, vhost_net_sock_work, EPOLLOUT, &net->tx.q.vq);
	vhost_dev_init(&net->dev, &vhost_net_ops, net->vqs, VHOST_NET_NVQS);
	vhost_net_vq_features(&net->rx.q.vq);
	vhost_net_vq_features(&net->tx.q.vq);
	file->private_data = &net->dev;
	return 0;
}

static int vhost_net_release(struct inode *inode, struct file *file)
{
	struct vhost_net *net = container_of(file->private_data, struct vhost_net, dev);

	vhost_dev_release(&net->dev);
	vhost_net_pages_free(&net->tx.pages);
	kvfree(net);
	return 0;
}

static const struct file_operations vhost_net_fops = {
	VHOST_DEV_FILE_OPS,
	.open = vhost_net_open,
	.release = vhost_net_release,
};

static struct miscdevice vhost_net_misc = {
	.minor = VHOST_NET_MINOR,
	.name = "vhost-net",
	.fops = &vhost_net_fops,
};

module_misc_device(vhost_net_misc);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("virtio-net devices with their data path in the host kernel");
MODULE_ALIAS_MISCDEV(VHOST_NET_MINOR);
MODULE_ALIAS("devname:vhost-net");
MODULE_IMPORT_NS("RINGSIDE");
