// SPDX-License-Identifier: GPL-2.0-only
/*
 * VDPA_CMD_DEV_NEW and VDPA_CMD_DEV_ATTR_SET: what an operator asks of a device.
 *
 * What no device could be is refused here. What a particular parent cannot do, it
 * says itself.
 */

#include <linux/blk_types.h>
#include <linux/ctype.h>
#include <linux/etherdevice.h>
#include <linux/log2.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "netlink.h"

/* Which values are given by which attribute. */
static const struct {
	unsigned int bit;
	unsigned int attr;
} vdpa_nl_values[] = {
	{ VDPA_CONFIG_FEATURES, VDPA_ATTR_DEV_FEATURES },
	{ VDPA_CONFIG_MAC, VDPA_ATTR_DEV_NET_CFG_MACADDR },
	{ VDPA_CONFIG_MTU, VDPA_ATTR_DEV_NET_CFG_MTU },
	{ VDPA_CONFIG_MAX_VQP, VDPA_ATTR_DEV_NET_CFG_MAX_VQP },
	{ VDPA_CONFIG_BLK_CAPACITY, VDPA_ATTR_DEV_BLK_CFG_CAPACITY },
	{ VDPA_CONFIG_BLK_SIZE, VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE },
};

/* Bits that belong to one kind of device, not to virtio as a whole. */
#define VDPA_CLASS_FEATURES	(GENMASK_ULL(VIRTIO_TRANSPORT_F_START - 1, 0) | \
				 GENMASK_ULL(63, VIRTIO_TRANSPORT_F_END + 1))

static bool vdpa_mgmt_makes(const struct vdpa_mgmt_dev *mgmt, u32 device_id)
{
	const u32 *id = mgmt->ids;

	while (*id && *id != device_id)
		id++;
	return *id;
}

/* A name is a directory in sysfs and a line in a list. */
static bool vdpa_nl_name_ok(const char *name)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (!isascii(*name) || !isgraph(*name) || *name == '/')
			return false;
	return true;
}

static int vdpa_nl_read_mac(const struct nlattr *attr, struct vdpa_config *config,
			    struct netlink_ext_ack *extack)
{
	if (!is_valid_ether_addr(nla_data(attr))) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "no device can have this MAC address");
		return -EINVAL;
	}
	ether_addr_copy(config->mac, nla_data(attr));
	return 0;
}

static int vdpa_nl_read_max_vqp(const struct nlattr *attr, struct vdpa_config *config,
				struct netlink_ext_ack *extack)
{
	config->max_vqp = nla_get_u16(attr);
	if (config->max_vqp)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "a device has at least one queue pair");
	return -EINVAL;
}

static int vdpa_nl_read_blk_size(const struct nlattr *attr, struct vdpa_config *config,
				 struct netlink_ext_ack *extack)
{
	config->blk_size = nla_get_u32(attr);
	if (is_power_of_2(config->blk_size) && config->blk_size >= SECTOR_SIZE)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "a block size is a power of 2, at least 512");
	return -EINVAL;
}

/* Reads the values of a request into a configuration. */
static int vdpa_nl_read(struct genl_info *info, struct vdpa_config *config)
{
	struct nlattr **attrs = info->attrs;
	int err = 0;

	*config = (struct vdpa_config) {};
	for (unsigned int i = 0; i < ARRAY_SIZE(vdpa_nl_values); i++)
		if (attrs[vdpa_nl_values[i].attr])
			config->set |= vdpa_nl_values[i].bit;
	if (config->set & VDPA_CONFIG_FEATURES)
		config->features = nla_get_u64(attrs[VDPA_ATTR_DEV_FEATURES]);
	if (config->set & VDPA_CONFIG_MTU)
		config->mtu = nla_get_u16(attrs[VDPA_ATTR_DEV_NET_CFG_MTU]);
	if (config->set & VDPA_CONFIG_BLK_CAPACITY)
		config->blk_capacity = nla_get_u64(attrs[VDPA_ATTR_DEV_BLK_CFG_CAPACITY]);
	if (config->set & VDPA_CONFIG_MAC)
		err = vdpa_nl_read_mac(attrs[VDPA_ATTR_DEV_NET_CFG_MACADDR], config,
				       info->extack);
	if (!err && (config->set & VDPA_CONFIG_MAX_VQP))
		err = vdpa_nl_read_max_vqp(attrs[VDPA_ATTR_DEV_NET_CFG_MAX_VQP], config,
					   info->extack);
	if (!err && (config->set & VDPA_CONFIG_BLK_SIZE))
		err = vdpa_nl_read_blk_size(attrs[VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE], config,
					    info->extack);
	return err;
}

/* A value that the given features have no place for would be shown to nobody. */
static int vdpa_nl_check_places(const struct vdpa_mgmt_dev *mgmt,
				const struct vdpa_config *config, struct netlink_ext_ack *extack)
{
	bool net = vdpa_mgmt_makes(mgmt, VIRTIO_ID_NET);
	bool many = (config->set & VDPA_CONFIG_MAX_VQP) && config->max_vqp > 1;
	u64 mq = net ? BIT_ULL(VIRTIO_NET_F_MQ) : BIT_ULL(VIRTIO_BLK_F_MQ);

	if ((config->set & VDPA_CONFIG_MAC) && !(config->features & BIT_ULL(VIRTIO_NET_F_MAC)))
		NL_SET_ERR_MSG(extack, "a MAC address needs feature bit 5 (MAC)");
	else if ((config->set & VDPA_CONFIG_MTU) &&
		 !(config->features & BIT_ULL(VIRTIO_NET_F_MTU)))
		NL_SET_ERR_MSG(extack, "an MTU needs feature bit 3 (MTU)");
	else if (many && !(config->features & mq))
		NL_SET_ERR_MSG(extack, "several queues need the feature bit MQ");
	else if ((config->set & VDPA_CONFIG_BLK_SIZE) &&
		 !(config->features & BIT_ULL(VIRTIO_BLK_F_BLK_SIZE)))
		NL_SET_ERR_MSG(extack, "a block size needs feature bit 6 (BLK_SIZE)");
	else
		return 0;
	return -EINVAL;
}

static int vdpa_nl_check_features(const struct vdpa_mgmt_dev *mgmt,
				  const struct vdpa_config *config, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[VDPA_ATTR_DEV_FEATURES];

	if (!attr)
		return 0;
	if (config->features & ~mgmt->supported_features) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the management device does not support all these features");
		return -EINVAL;
	}
	/* Does a bit mean that of a network device, or that of a disk? */
	if (mgmt->ids[0] && mgmt->ids[1] && (config->features & VDPA_CLASS_FEATURES) &&
	    config->set == VDPA_CONFIG_FEATURES) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "features of which kind of device? This one makes several");
		return -EINVAL;
	}
	return vdpa_nl_check_places(mgmt, config, info->extack);
}

static int vdpa_nl_check(const struct vdpa_mgmt_dev *mgmt, const struct vdpa_config *config,
			 struct genl_info *info)
{
	unsigned int unknown = config->set & ~mgmt->config_set;

	for (unsigned int i = 0; i < ARRAY_SIZE(vdpa_nl_values); i++)
		if (unknown & vdpa_nl_values[i].bit) {
			NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[vdpa_nl_values[i].attr],
					    "the management device does not take this value");
			return -EOPNOTSUPP;
		}
	return vdpa_nl_check_features(mgmt, config, info);
}

static int vdpa_nl_check_name(struct genl_info *info)
{
	struct nlattr *name = info->attrs[VDPA_ATTR_DEV_NAME];
	struct vdpa_device *other;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "the device's name is missing");
		return -EINVAL;
	}
	if (!vdpa_nl_name_ok(nla_data(name))) {
		NL_SET_ERR_MSG_ATTR(info->extack, name, "no device can have this name");
		return -EINVAL;
	}
	other = vdpa_device_find(nla_data(name));
	if (!other)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, name, "there is a device of this name");
	put_device(&other->dev);
	return -EEXIST;
}

static int vdpa_nl_make(struct vdpa_mgmt_dev *mgmt, const struct vdpa_config *config,
			struct genl_info *info)
{
	int err = mutex_lock_killable(&mgmt->lock);

	if (err)
		return err;
	if (mgmt->gone) {
		NL_SET_ERR_MSG(info->extack, "the management device is gone");
		err = -ENODEV;
	} else {
		err = mgmt->ops->dev_add(mgmt, nla_data(info->attrs[VDPA_ATTR_DEV_NAME]), config,
					 info->extack);
	}
	/* Somebody was faster, or it is the name of something else in sysfs. */
	if (err == -EEXIST)
		NL_SET_ERR_MSG(info->extack, "this name is taken");
	mutex_unlock(&mgmt->lock);
	return err;
}

int vdpa_nl_dev_new(struct sk_buff *skb, struct genl_info *info)
{
	struct vdpa_mgmt_dev *mgmt;
	struct vdpa_config config;
	int err;

	err = vdpa_nl_check_name(info);
	if (!err)
		err = vdpa_nl_read(info, &config);
	if (err)
		return err;
	mgmt = vdpa_nl_mgmt(info);
	if (IS_ERR(mgmt))
		return PTR_ERR(mgmt);
	err = vdpa_nl_check(mgmt, &config, info);
	if (!err)
		err = vdpa_nl_make(mgmt, &config, info);
	vdpa_mgmt_put(mgmt);
	return err;
}

static int vdpa_nl_set_attr(struct vdpa_device *vdev, const struct vdpa_config *config,
			    struct netlink_ext_ack *extack)
{
	int err;

	if (config->set != VDPA_CONFIG_MAC) {
		NL_SET_ERR_MSG(extack, "the MAC address is all that can be changed");
		return -EOPNOTSUPP;
	}
	if (vdev->device_id != VIRTIO_ID_NET || !vdev->ops->set_attr) {
		NL_SET_ERR_MSG(extack, "nothing of this device can be changed");
		return -EOPNOTSUPP;
	}
	err = down_write_killable(&vdev->config_lock);
	if (err)
		return err;
	if (vdev->live) {
		err = vdev->ops->set_attr(vdev, config);
	} else {
		NL_SET_ERR_MSG(extack, "the device is gone");
		err = -ENODEV;
	}
	up_write(&vdev->config_lock);
	return err;
}

int vdpa_nl_dev_attr_set(struct sk_buff *skb, struct genl_info *info)
{
	struct vdpa_device *vdev = vdpa_nl_device(info);
	struct vdpa_config config;
	int err;

	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	/* What no device can have is something that this one cannot be given. */
	err = vdpa_nl_read(info, &config) ? -EOPNOTSUPP :
					    vdpa_nl_set_attr(vdev, &config, info->extack);
	put_device(&vdev->dev);
	return err;
}
