// SPDX-License-Identifier: GPL-2.0-only
/* VDPA_CMD_DEV_GET and VDPA_CMD_DEV_DEL: devices there are, and their end. */

#include "netlink.h"

/* All of it is immutable: a device that does not answer is listed like any other. */
static int vdpa_nl_fill_dev(struct vdpa_nl_msg *msg, struct vdpa_device *vdev)
{
	void *header = vdpa_nl_begin(msg, VDPA_CMD_DEV_NEW);
	struct sk_buff *skb = msg->skb;
	int err;

	if (!header)
		return -EMSGSIZE;
	err = vdpa_nl_put_handle(msg, vdev->mgmt);
	if (!err)
		err = nla_put_string(skb, VDPA_ATTR_DEV_NAME, dev_name(&vdev->dev));
	if (!err)
		err = nla_put_u32(skb, VDPA_ATTR_DEV_ID, vdev->device_id);
	if (!err)
		err = nla_put_u32(skb, VDPA_ATTR_DEV_VENDOR_ID, vdev->vendor_id);
	if (!err)
		err = nla_put_u32(skb, VDPA_ATTR_DEV_MAX_VQS, vdev->nvqs);
	if (!err)
		err = nla_put_u16(skb, VDPA_ATTR_DEV_MAX_VQ_SIZE, vdev->vq_num_max);
	if (!err)
		err = nla_put_u16(skb, VDPA_ATTR_DEV_MIN_VQ_SIZE, vdev->vq_num_min);
	return vdpa_nl_end(msg, header, err);
}

int vdpa_nl_dev_get(struct sk_buff *skb, struct genl_info *info)
{
	return vdpa_nl_show(info, vdpa_nl_fill_dev);
}

int vdpa_nl_dev_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return vdpa_nl_dump(skb, cb, vdpa_nl_fill_dev);
}

int vdpa_nl_dev_del(struct sk_buff *skb, struct genl_info *info)
{
	struct vdpa_device *vdev = vdpa_nl_device(info);
	struct vdpa_mgmt_dev *mgmt;
	int err;

	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	mgmt = vdev->mgmt;
	err = vdpa_device_vacate(vdev, true);
	if (err)
		goto put;
	err = mutex_lock_killable(&mgmt->lock);
	if (err) {
		vdpa_device_vacate(vdev, false);
	} else {
		/* Somebody may have been faster. */
		if (vdev->live) {
			mgmt->ops->dev_del(mgmt, vdev);
		} else {
			NL_SET_ERR_MSG(info->extack, "the device is gone");
			err = -ENODEV;
		}
		mutex_unlock(&mgmt->lock);
	}
put:
	put_device(&vdev->dev);
	return err;
}
