// SPDX-License-Identifier: GPL-2.0-only
/*
 * VDPA_CMD_DEV_CONFIG_GET: features and configuration of a device.
 *
 * A field is shown only if the device offers the feature it belongs to. Fields are
 * little-endian, as they are for drivers of virtio 1.
 */

#include <linux/unaligned.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "netlink.h"

/**
 * struct vdpa_nl_field - a field of a device's configuration
 * @attr: VDPA_ATTR_* it is shown as
 * @offset: where it is
 * @size: bytes; a number, unless they are those of a MAC address
 * @features: one of these has to be offered; 0 for none
 */
struct vdpa_nl_field {
	u16 attr;
	u16 offset;
	u16 size;
	u64 features;
};

#define FIELD(type, member, attribute, bits) {			\
	.attr = VDPA_ATTR_DEV_##attribute,			\
	.offset = offsetof(struct type, member),		\
	.size = sizeof_field(struct type, member),		\
	.features = (bits),					\
}

#define NET(member, attribute, bits)	FIELD(virtio_net_config, member, attribute, bits)
#define BLK(member, attribute, bits)	FIELD(virtio_blk_config, member, attribute, bits)

/* Either makes several pairs of queues. */
#define VDPA_NET_PAIRS	(BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_RSS))

static const struct vdpa_nl_field vdpa_nl_net_fields[] = {
	NET(mtu, NET_CFG_MTU, BIT_ULL(VIRTIO_NET_F_MTU)),
	NET(mac, NET_CFG_MACADDR, BIT_ULL(VIRTIO_NET_F_MAC)),
	NET(status, NET_STATUS, BIT_ULL(VIRTIO_NET_F_STATUS)),
	NET(max_virtqueue_pairs, NET_CFG_MAX_VQP, VDPA_NET_PAIRS),
	{}
};

static const struct vdpa_nl_field vdpa_nl_blk_fields[] = {
	BLK(capacity, BLK_CFG_CAPACITY, 0),
	BLK(size_max, BLK_CFG_SIZE_MAX, BIT_ULL(VIRTIO_BLK_F_SIZE_MAX)),
	BLK(blk_size, BLK_CFG_BLK_SIZE, BIT_ULL(VIRTIO_BLK_F_BLK_SIZE)),
	BLK(seg_max, BLK_CFG_SEG_MAX, BIT_ULL(VIRTIO_BLK_F_SEG_MAX)),
	BLK(num_queues, BLK_CFG_NUM_QUEUES, BIT_ULL(VIRTIO_BLK_F_MQ)),
	BLK(physical_block_exp, BLK_CFG_PHY_BLK_EXP, BIT_ULL(VIRTIO_BLK_F_TOPOLOGY)),
	BLK(alignment_offset, BLK_CFG_ALIGN_OFFSET, BIT_ULL(VIRTIO_BLK_F_TOPOLOGY)),
	BLK(min_io_size, BLK_CFG_MIN_IO_SIZE, BIT_ULL(VIRTIO_BLK_F_TOPOLOGY)),
	BLK(opt_io_size, BLK_CFG_OPT_IO_SIZE, BIT_ULL(VIRTIO_BLK_F_TOPOLOGY)),
	BLK(max_discard_sectors, BLK_CFG_MAX_DISCARD_SEC, BIT_ULL(VIRTIO_BLK_F_DISCARD)),
	BLK(max_discard_seg, BLK_CFG_MAX_DISCARD_SEG, BIT_ULL(VIRTIO_BLK_F_DISCARD)),
	BLK(discard_sector_alignment, BLK_CFG_DISCARD_SEC_ALIGN, BIT_ULL(VIRTIO_BLK_F_DISCARD)),
	BLK(max_write_zeroes_sectors, BLK_CFG_MAX_WRITE_ZEROES_SEC,
	    BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES)),
	BLK(max_write_zeroes_seg, BLK_CFG_MAX_WRITE_ZEROES_SEG,
	    BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES)),
	{}
};

static int vdpa_nl_put_value(struct sk_buff *skb, const struct vdpa_nl_field *field,
			     const u8 *value)
{
	switch (field->size) {
	case sizeof(u8):
		return nla_put_u8(skb, field->attr, *value);
	case sizeof(u16):
		return nla_put_u16(skb, field->attr, get_unaligned_le16(value));
	case sizeof(u32):
		return nla_put_u32(skb, field->attr, get_unaligned_le32(value));
	case sizeof(u64):
		return nla_put_u64_64bit(skb, field->attr, get_unaligned_le64(value),
					 VDPA_ATTR_PAD);
	default:
		return nla_put(skb, field->attr, field->size, value);
	}
}

static int vdpa_nl_put_field(struct vdpa_nl_msg *msg, struct vdpa_device *vdev,
			     const struct vdpa_nl_field *field, u64 features)
{
	u8 value[sizeof(u64)];

	if (field->features && !(field->features & features))
		return 0;
	/* An old device may have less of a configuration than we know of. */
	if (field->offset + field->size > vdev->config_size)
		return 0;
	vdev->ops->get_config(vdev, field->offset, value, field->size);
	return vdpa_nl_put_value(msg->skb, field, value);
}

/**
 * vdpa_nl_put_max_vqp - write how many queue pairs the driver of a network device has
 * @msg: where to
 * @vdev: the device; nothing is written if it is of another kind
 * @features: what the driver accepted; without several pairs, there is one
 *
 * Context: config_lock held.
 * Return: 0, -EMSGSIZE.
 */
int vdpa_nl_put_max_vqp(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u64 features)
{
	static const struct vdpa_nl_field field =
		NET(max_virtqueue_pairs, NET_CFG_MAX_VQP, VDPA_NET_PAIRS);

	lockdep_assert_held(&vdev->config_lock);
	if (vdev->device_id != VIRTIO_ID_NET)
		return 0;
	if (!(features & VDPA_NET_PAIRS))
		return nla_put_u16(msg->skb, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, 1);
	return vdpa_nl_put_field(msg, vdev, &field, features);
}

/* Of a block device, two features are shown as values. */
static int vdpa_nl_put_blk_flags(struct vdpa_nl_msg *msg, struct vdpa_device *vdev)
{
	u64 features = vdev->device_features;
	int err;

	err = nla_put_u8(msg->skb, VDPA_ATTR_DEV_BLK_READ_ONLY,
			 !!(features & BIT_ULL(VIRTIO_BLK_F_RO)));
	if (err)
		return err;
	return nla_put_u8(msg->skb, VDPA_ATTR_DEV_BLK_FLUSH,
			  !!(features & BIT_ULL(VIRTIO_BLK_F_FLUSH)));
}

static int vdpa_nl_put_config(struct vdpa_nl_msg *msg, struct vdpa_device *vdev)
{
	const struct vdpa_nl_field *field;
	int err;

	switch (vdev->device_id) {
	case VIRTIO_ID_NET:
		field = vdpa_nl_net_fields;
		break;
	case VIRTIO_ID_BLOCK:
		field = vdpa_nl_blk_fields;
		break;
	default:
		NL_SET_ERR_MSG(msg->extack, "no configuration of such a device can be shown");
		return -EOPNOTSUPP;
	}
	err = nla_put_u64_64bit(msg->skb, VDPA_ATTR_DEV_FEATURES, vdev->device_features,
				VDPA_ATTR_PAD);
	for (; !err && field->size; field++)
		err = vdpa_nl_put_field(msg, vdev, field, vdev->device_features);
	if (!err && vdev->device_id == VIRTIO_ID_BLOCK)
		err = vdpa_nl_put_blk_flags(msg, vdev);
	return err;
}

/**
 * vdpa_nl_config_begin - begin an answer about what a device's driver may change
 * @msg: where to
 * @vdev: the device
 * @cmd: VDPA_CMD_* of the answer
 * @header: set; for vdpa_nl_config_end(), also after an error of the caller's own
 *
 * Context: returns with config_lock held if there was no error.
 * Return: 0, -EINTR, -ENODEV, -EMSGSIZE.
 */
int vdpa_nl_config_begin(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u8 cmd,
			 void **header)
{
	int err = down_read_killable(&vdev->config_lock);

	if (err)
		return err;
	if (!vdev->live) {
		NL_SET_ERR_MSG(msg->extack, "the device is gone");
		up_read(&vdev->config_lock);
		return -ENODEV;
	}
	*header = vdpa_nl_begin(msg, cmd);
	if (!*header) {
		up_read(&vdev->config_lock);
		return -EMSGSIZE;
	}
	err = nla_put_string(msg->skb, VDPA_ATTR_DEV_NAME, dev_name(&vdev->dev));
	if (!err)
		err = nla_put_u32(msg->skb, VDPA_ATTR_DEV_ID, vdev->device_id);
	return err ? vdpa_nl_config_end(msg, vdev, *header, err) : 0;
}

/**
 * vdpa_nl_config_end - end it, or take it back
 * @msg: where to
 * @vdev: the device
 * @header: from vdpa_nl_config_begin()
 * @err: 0, or why it is to be taken back
 *
 * Context: config_lock held; not any more when it returns.
 * Return: @err.
 */
int vdpa_nl_config_end(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, void *header, int err)
{
	up_read(&vdev->config_lock);
	return vdpa_nl_end(msg, header, err);
}

static int vdpa_nl_fill_config(struct vdpa_nl_msg *msg, struct vdpa_device *vdev)
{
	void *header;
	int err;

	err = vdpa_nl_config_begin(msg, vdev, VDPA_CMD_DEV_CONFIG_GET, &header);
	if (err)
		return err;
	/* Until then the driver may change its mind. */
	if (vdev->ops->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK)
		err = nla_put_u64_64bit(msg->skb, VDPA_ATTR_DEV_NEGOTIATED_FEATURES,
					vdev->ops->get_driver_features(vdev), VDPA_ATTR_PAD);
	if (!err)
		err = vdpa_nl_put_config(msg, vdev);
	return vdpa_nl_config_end(msg, vdev, header, err);
}

int vdpa_nl_config_get(struct sk_buff *skb, struct genl_info *info)
{
	return vdpa_nl_show(info, vdpa_nl_fill_config);
}

int vdpa_nl_config_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return vdpa_nl_dump(skb, cb, vdpa_nl_fill_config);
}
