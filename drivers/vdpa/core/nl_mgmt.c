// SPDX-License-Identifier: GPL-2.0-only
/* VDPA_CMD_MGMTDEV_GET: management devices, and what they can make. */

#include "netlink.h"

/**
 * vdpa_nl_put_handle - write by which names a management device is known
 * @msg: where to
 * @mgmt: the management device
 *
 * Return: 0, -EMSGSIZE.
 */
int vdpa_nl_put_handle(struct vdpa_nl_msg *msg, const struct vdpa_mgmt_dev *mgmt)
{
	if (mgmt->dev->bus &&
	    nla_put_string(msg->skb, VDPA_ATTR_MGMTDEV_BUS_NAME, mgmt->dev->bus->name))
		return -EMSGSIZE;
	return nla_put_string(msg->skb, VDPA_ATTR_MGMTDEV_DEV_NAME, dev_name(mgmt->dev));
}

/* The virtio ids that fit into the attribute. */
static u64 vdpa_nl_classes(const struct vdpa_mgmt_dev *mgmt)
{
	u64 classes = 0;

	for (const u32 *id = mgmt->ids; *id; id++)
		if (*id < 64)
			classes |= BIT_ULL(*id);
	return classes;
}

static int vdpa_nl_fill_mgmt(struct vdpa_nl_msg *msg, const struct vdpa_mgmt_dev *mgmt)
{
	void *header = vdpa_nl_begin(msg, VDPA_CMD_MGMTDEV_NEW);
	int err;

	if (!header)
		return -EMSGSIZE;
	err = vdpa_nl_put_handle(msg, mgmt);
	if (!err)
		err = nla_put_u64_64bit(msg->skb, VDPA_ATTR_MGMTDEV_SUPPORTED_CLASSES,
					vdpa_nl_classes(mgmt), VDPA_ATTR_PAD);
	if (!err)
		err = nla_put_u32(msg->skb, VDPA_ATTR_DEV_MGMTDEV_MAX_VQS, mgmt->max_vqs);
	if (!err)
		err = nla_put_u64_64bit(msg->skb, VDPA_ATTR_DEV_SUPPORTED_FEATURES,
					mgmt->supported_features, VDPA_ATTR_PAD);
	return vdpa_nl_end(msg, header, err);
}

/**
 * vdpa_nl_mgmt - the management device that a request names
 * @info: the request
 *
 * Return: it with a reference, or -EINVAL, -ENODEV.
 */
struct vdpa_mgmt_dev *vdpa_nl_mgmt(struct genl_info *info)
{
	struct nlattr *name = info->attrs[VDPA_ATTR_MGMTDEV_DEV_NAME];
	struct nlattr *bus = info->attrs[VDPA_ATTR_MGMTDEV_BUS_NAME];
	struct vdpa_mgmt_dev *mgmt;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "the management device's name is missing");
		return ERR_PTR(-EINVAL);
	}
	mgmt = vdpa_mgmt_find(bus ? nla_data(bus) : NULL, nla_data(name));
	if (mgmt)
		return mgmt;
	NL_SET_ERR_MSG_ATTR(info->extack, name, "there is no management device of this name");
	return ERR_PTR(-ENODEV);
}

int vdpa_nl_mgmt_get(struct sk_buff *skb, struct genl_info *info)
{
	struct vdpa_mgmt_dev *mgmt = vdpa_nl_mgmt(info);
	struct vdpa_nl_msg msg;
	int err;

	if (IS_ERR(mgmt))
		return PTR_ERR(mgmt);
	err = vdpa_nl_answer(&msg, info) ? vdpa_nl_fill_mgmt(&msg, mgmt) : -ENOMEM;
	vdpa_mgmt_put(mgmt);
	if (!err)
		return genlmsg_reply(msg.skb, info);
	nlmsg_free(msg.skb);
	return err;
}

/* args[0] is the id where the next part of the list begins. */
int vdpa_nl_mgmt_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct vdpa_nl_msg msg = vdpa_nl_part(skb, cb);
	unsigned long id = cb->args[0];
	struct vdpa_mgmt_dev *mgmt;

	while ((mgmt = vdpa_mgmt_next(&id))) {
		int err = vdpa_nl_fill_mgmt(&msg, mgmt);

		vdpa_mgmt_put(mgmt);
		if (err && !skb->len)
			return err;
		if (err)
			break;
		id++;
	}
	cb->args[0] = id;
	return skb->len;
}
