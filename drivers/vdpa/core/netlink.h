/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_NETLINK_H
#define RINGSIDE_VDPA_NETLINK_H
/*
 * The generic netlink family by which operators make and look at devices: what its
 * files tell each other.
 *
 * Commands run side by side, with references and no lock. They take the lock of
 * what they look at: config_lock for what a device's driver changes, the lock of a
 * management device to make or remove devices.
 */

#include <net/genetlink.h>
#include <uapi/linux/vdpa.h>

#include "core.h"

/**
 * struct vdpa_nl_msg - where an answer goes
 * @skb: the buffer
 * @portid: who asked
 * @seq: his number for the request
 * @flags: NLM_F_MULTI in a dump
 * @extack: words for what is wrong
 * @attrs: of the request; NULL in a dump
 */
struct vdpa_nl_msg {
	struct sk_buff *skb;
	u32 portid;
	u32 seq;
	int flags;
	struct netlink_ext_ack *extack;
	struct nlattr **attrs;
};

/*
 * Writes about a device: 0, -EMSGSIZE if the buffer is full, -EINTR, or why it cannot
 * be shown.
 */
typedef int (*vdpa_nl_fill)(struct vdpa_nl_msg *msg, struct vdpa_device *vdev);

/* netlink.c */
void *vdpa_nl_begin(struct vdpa_nl_msg *msg, u8 cmd);
int vdpa_nl_end(struct vdpa_nl_msg *msg, void *header, int err);
struct sk_buff *vdpa_nl_answer(struct vdpa_nl_msg *msg, struct genl_info *info);
struct vdpa_nl_msg vdpa_nl_part(struct sk_buff *skb, struct netlink_callback *cb);
struct vdpa_device *vdpa_nl_device(struct genl_info *info);
int vdpa_nl_show(struct genl_info *info, vdpa_nl_fill fill);
int vdpa_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, vdpa_nl_fill fill);
int __init vdpa_nl_init(void);
void vdpa_nl_exit(void);

/* nl_mgmt.c */
int vdpa_nl_put_handle(struct vdpa_nl_msg *msg, const struct vdpa_mgmt_dev *mgmt);
int vdpa_nl_mgmt_get(struct sk_buff *skb, struct genl_info *info);
int vdpa_nl_mgmt_dump(struct sk_buff *skb, struct netlink_callback *cb);
struct vdpa_mgmt_dev *vdpa_nl_mgmt(struct genl_info *info);

/* nl_new.c */
int vdpa_nl_dev_new(struct sk_buff *skb, struct genl_info *info);
int vdpa_nl_dev_attr_set(struct sk_buff *skb, struct genl_info *info);

/* nl_dev.c */
int vdpa_nl_dev_del(struct sk_buff *skb, struct genl_info *info);
int vdpa_nl_dev_get(struct sk_buff *skb, struct genl_info *info);
int vdpa_nl_dev_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_config.c */
int vdpa_nl_config_begin(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u8 cmd,
			 void **header);
int vdpa_nl_config_end(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, void *header, int err);
int vdpa_nl_put_max_vqp(struct vdpa_nl_msg *msg, struct vdpa_device *vdev, u64 features);
int vdpa_nl_config_get(struct sk_buff *skb, struct genl_info *info);
int vdpa_nl_config_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_stats.c */
int vdpa_nl_vstats_get(struct sk_buff *skb, struct genl_info *info);

#endif
