// SPDX-License-Identifier: GPL-2.0-only
/* VDPA_CMD_DEV_VSTATS_GET: what a parent counts for one queue. */

#include <uapi/linux/virtio_config.h>

#include "netlink.h"

static int vdpa_nl_put_stat(struct sk_buff *skb, const char *name, u64 value)
{
	if (nla_put_string(skb, VDPA_ATTR_DEV_VENDOR_ATTR_NAME, name))
		return -EMSGSIZE;
	return nla_put_u64_64bit(skb, VDPA_ATTR_DEV_VENDOR_ATTR_VALUE, value, VDPA_ATTR_PAD);
}

static int vdpa_nl_put_stats(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u16 index)
{
	unsigned int n = 0;
	const char *name;
	u64 value;
	int err;

	while (!(err = vdev->ops->vq_stat(vdev, index, n, &name, &value))) {
		err = vdpa_nl_put_stat(msg->skb, name, value);
		if (err)
			return err;
		n++;
	}
	if (err != -ENOENT)
		return err;
	if (n)
		return 0;
	NL_SET_ERR_MSG(msg->extack, "nothing is counted for this queue");
	return -EOPNOTSUPP;
}

/* The features say what kind of queue it is, and go first: readers rely on it. */
static int vdpa_nl_put_queue(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u32 index)
{
	u64 features;

	if (!(vdev->ops->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		NL_SET_ERR_MSG(msg->extack, "the device's driver has not accepted features yet");
		return -EAGAIN;
	}
	features = vdev->ops->get_driver_features(vdev);
	if (nla_put_u64_64bit(msg->skb, VDPA_ATTR_DEV_NEGOTIATED_FEATURES, features,
			      VDPA_ATTR_PAD) ||
	    vdpa_nl_put_max_vqp(msg, vdev, features) ||
	    nla_put_u32(msg->skb, VDPA_ATTR_DEV_QUEUE_INDEX, index))
		return -EMSGSIZE;
	return vdpa_nl_put_stats(msg, vdev, index);
}

static int vdpa_nl_fill_vstats(struct vdpa_nl_msg *msg, struct vdpa_device *vdev)
{
	struct nlattr *attr = msg->attrs[VDPA_ATTR_DEV_QUEUE_INDEX];
	void *header;
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(msg->extack, "the queue's index is missing");
		return -EINVAL;
	}
	if (!vdev->ops->vq_stat) {
		NL_SET_ERR_MSG(msg->extack, "nothing is counted for this device");
		return -EOPNOTSUPP;
	}
	if (nla_get_u32(attr) >= vdev->nvqs) {
		NL_SET_ERR_MSG_ATTR(msg->extack, attr, "the device has no such queue");
		return -ERANGE;
	}
	err = vdpa_nl_config_begin(msg, vdev, VDPA_CMD_DEV_VSTATS_GET, &header);
	if (err)
		return err;
	err = vdpa_nl_put_queue(msg, vdev, nla_get_u32(attr));
	return vdpa_nl_config_end(msg, vdev, header, err);
}

int vdpa_nl_vstats_get(struct sk_buff *skb, struct genl_info *info)
{
	return vdpa_nl_show(info, vdpa_nl_fill_vstats);
}
