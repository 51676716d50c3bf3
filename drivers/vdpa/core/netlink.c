// SPDX-License-Identifier: GPL-2.0-only
/* The family: commands, what each takes, and how answers and lists are written. */

#include <linux/limits.h>
#include <linux/module.h>

#include "netlink.h"

#define VDPA_NL_NAME	{ .type = NLA_NUL_STRING, .len = NAME_MAX }

/* virtio 1.3, 5.1.4.1: no smaller MTU. */
#define VDPA_MIN_MTU	68

static const struct nla_policy vdpa_nl_mgmt_policy[VDPA_ATTR_MAX + 1] = {
	[VDPA_ATTR_MGMTDEV_BUS_NAME] = VDPA_NL_NAME,
	[VDPA_ATTR_MGMTDEV_DEV_NAME] = VDPA_NL_NAME,
};

static const struct nla_policy vdpa_nl_dev_policy[VDPA_ATTR_MAX + 1] = {
	[VDPA_ATTR_DEV_NAME] = VDPA_NL_NAME,
};

static const struct nla_policy vdpa_nl_vstats_policy[VDPA_ATTR_MAX + 1] = {
	[VDPA_ATTR_DEV_NAME] = VDPA_NL_NAME,
	[VDPA_ATTR_DEV_QUEUE_INDEX] = { .type = NLA_U32 },
};

static const struct nla_policy vdpa_nl_new_policy[VDPA_ATTR_MAX + 1] = {
	[VDPA_ATTR_MGMTDEV_BUS_NAME] = VDPA_NL_NAME,
	[VDPA_ATTR_MGMTDEV_DEV_NAME] = VDPA_NL_NAME,
	[VDPA_ATTR_DEV_NAME] = VDPA_NL_NAME,
	[VDPA_ATTR_DEV_FEATURES] = { .type = NLA_U64 },
	[VDPA_ATTR_DEV_NET_CFG_MACADDR] = NLA_POLICY_ETH_ADDR,
	[VDPA_ATTR_DEV_NET_CFG_MTU] = NLA_POLICY_MIN(NLA_U16, VDPA_MIN_MTU),
	[VDPA_ATTR_DEV_NET_CFG_MAX_VQP] = { .type = NLA_U16 },
	[VDPA_ATTR_DEV_BLK_CFG_CAPACITY] = { .type = NLA_U64 },
	[VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE] = { .type = NLA_U32 },
};

#define VDPA_NL_TAKES(table)	.policy = (table), .maxattr = ARRAY_SIZE(table) - 1

static const struct genl_ops vdpa_nl_ops[] = {
	{
		.cmd = VDPA_CMD_MGMTDEV_GET,
		.doit = vdpa_nl_mgmt_get,
		.dumpit = vdpa_nl_mgmt_dump,
		VDPA_NL_TAKES(vdpa_nl_mgmt_policy),
	}, {
		.cmd = VDPA_CMD_DEV_NEW,
		.doit = vdpa_nl_dev_new,
		.flags = GENL_ADMIN_PERM,
		VDPA_NL_TAKES(vdpa_nl_new_policy),
	}, {
		.cmd = VDPA_CMD_DEV_DEL,
		.doit = vdpa_nl_dev_del,
		.flags = GENL_ADMIN_PERM,
		VDPA_NL_TAKES(vdpa_nl_dev_policy),
	}, {
		.cmd = VDPA_CMD_DEV_GET,
		.doit = vdpa_nl_dev_get,
		.dumpit = vdpa_nl_dev_dump,
		VDPA_NL_TAKES(vdpa_nl_dev_policy),
	}, {
		.cmd = VDPA_CMD_DEV_CONFIG_GET,
		.doit = vdpa_nl_config_get,
		.dumpit = vdpa_nl_config_dump,
		VDPA_NL_TAKES(vdpa_nl_dev_policy),
	}, {
		.cmd = VDPA_CMD_DEV_VSTATS_GET,
		.doit = vdpa_nl_vstats_get,
		.flags = GENL_ADMIN_PERM,
		VDPA_NL_TAKES(vdpa_nl_vstats_policy),
	}, {
		/* All that can be given at creation, to say that it cannot be changed later. */
		.cmd = VDPA_CMD_DEV_ATTR_SET,
		.doit = vdpa_nl_dev_attr_set,
		.flags = GENL_ADMIN_PERM,
		VDPA_NL_TAKES(vdpa_nl_new_policy),
	},
};

/*
 * Of the initial network namespace alone. Its commands run in parallel: the lock of
 * generic netlink is not held over a parent that does not answer.
 */
static struct genl_family vdpa_nl_family __ro_after_init = {
	.name = VDPA_GENL_NAME,
	.version = VDPA_GENL_VERSION,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = vdpa_nl_ops,
	.n_ops = ARRAY_SIZE(vdpa_nl_ops),
	/* Commands from here on have their header's spare bytes checked; it never moves. */
	.resv_start_op = VDPA_CMD_DEV_ATTR_SET,
};

/**
 * vdpa_nl_begin - begin an answer
 * @msg: where it goes
 * @cmd: its VDPA_CMD_*
 *
 * Return: its header for vdpa_nl_end(), NULL if it does not fit.
 */
void *vdpa_nl_begin(struct vdpa_nl_msg *msg, u8 cmd)
{
	return genlmsg_put(msg->skb, msg->portid, msg->seq, &vdpa_nl_family, msg->flags, cmd);
}

/**
 * vdpa_nl_end - end an answer, or take it back
 * @msg: where it goes
 * @header: what vdpa_nl_begin() returned
 * @err: 0, or why it is to be taken back
 *
 * Return: @err.
 */
int vdpa_nl_end(struct vdpa_nl_msg *msg, void *header, int err)
{
	if (err)
		genlmsg_cancel(msg->skb, header);
	else
		genlmsg_end(msg->skb, header);
	return err;
}

/**
 * vdpa_nl_answer - a buffer for the answer to one request
 * @msg: filled in
 * @info: the request
 *
 * Return: the buffer, NULL without memory.
 */
struct sk_buff *vdpa_nl_answer(struct vdpa_nl_msg *msg, struct genl_info *info)
{
	*msg = (struct vdpa_nl_msg) {
		.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL),
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.extack = info->extack,
		.attrs = info->attrs,
	};
	return msg->skb;
}

/**
 * vdpa_nl_part - a part of a list
 * @skb: its buffer
 * @cb: the request for the list
 *
 * Return: where the part goes.
 */
struct vdpa_nl_msg vdpa_nl_part(struct sk_buff *skb, struct netlink_callback *cb)
{
	return (struct vdpa_nl_msg) {
		.skb = skb,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.extack = cb->extack,
	};
}

/**
 * vdpa_nl_device - the device that a request is about
 * @info: the request
 *
 * Return: the device with a reference, or -EINVAL, -ENODEV.
 */
struct vdpa_device *vdpa_nl_device(struct genl_info *info)
{
	struct nlattr *name = info->attrs[VDPA_ATTR_DEV_NAME];
	struct vdpa_device *vdev;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "the device's name is missing");
		return ERR_PTR(-EINVAL);
	}
	vdev = vdpa_device_find(nla_data(name));
	if (vdev)
		return vdev;
	NL_SET_ERR_MSG_ATTR(info->extack, name, "there is no device of this name");
	return ERR_PTR(-ENODEV);
}

/**
 * vdpa_nl_show - answer a request about one device
 * @info: the request
 * @fill: writes the answer
 *
 * Return: 0, or why there is none.
 */
int vdpa_nl_show(struct genl_info *info, vdpa_nl_fill fill)
{
	struct vdpa_device *vdev = vdpa_nl_device(info);
	struct vdpa_nl_msg msg;
	int err;

	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	err = vdpa_nl_answer(&msg, info) ? fill(&msg, vdev) : -ENOMEM;
	put_device(&vdev->dev);
	if (!err)
		return genlmsg_reply(msg.skb, info);
	nlmsg_free(msg.skb);
	return err;
}

/**
 * vdpa_nl_dump - list devices
 * @skb: buffer of this part of the list
 * @cb: the request; args[0] is the index where the next part begins
 * @fill: writes about one device
 *
 * A device that cannot be shown is left out.
 *
 * Return: bytes in the buffer, or why there are none.
 */
int vdpa_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, vdpa_nl_fill fill)
{
	struct vdpa_nl_msg msg = vdpa_nl_part(skb, cb);
	unsigned long index = cb->args[0];
	struct vdpa_device *vdev;
	int err;

	while ((vdev = vdpa_device_next(&index))) {
		err = fill(&msg, vdev);
		put_device(&vdev->dev);
		if (err == -EINTR)
			return err;
		if (err == -EMSGSIZE) {
			/* Not even an empty buffer is big enough? */
			if (!skb->len)
				return err;
			break;
		}
		index++;
	}
	cb->args[0] = index;
	return skb->len;
}

int __init vdpa_nl_init(void)
{
	return genl_register_family(&vdpa_nl_family);
}

void vdpa_nl_exit(void)
{
	genl_unregister_family(&vdpa_nl_family);
}

MODULE_ALIAS_GENL_FAMILY(VDPA_GENL_NAME);
