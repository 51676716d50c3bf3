// SPDX-License-Identifier: GPL-2.0-only
/* Which frames a network card receives (virtio 1.3, 5.1.6.5). */

#include <linux/slab.h>

#include "net.h"

/* What the driver has not changed. */
static void net_filter_default(struct net_filter *filter, const u8 *mac)
{
	memset(filter, 0, sizeof(*filter));
	ether_addr_copy(filter->mac, mac);
	filter->promisc = true;
}

int net_filter_create(struct sim_net *net, const u8 *mac)
{
	struct net_filter *filter = kmalloc_obj(*filter);

	if (!filter)
		return -ENOMEM;
	mutex_init(&net->filter_lock);
	net_filter_default(filter, mac);
	RCU_INIT_POINTER(net->filter, filter);
	return 0;
}

void net_filter_destroy(struct sim_net *net)
{
	kfree(rcu_dereference_protected(net->filter, true));
	mutex_destroy(&net->filter_lock);
}

/*
 * Nobody receives anything while the device is reset, so the one that is there can
 * be changed: a reset does not fail. Its address stays.
 */
void net_filter_reset(struct sim_net *net)
{
	struct net_filter *filter;
	u8 mac[ETH_ALEN];

	mutex_lock(&net->filter_lock);
	filter = rcu_dereference_protected(net->filter, lockdep_is_held(&net->filter_lock));
	ether_addr_copy(mac, filter->mac);
	net_filter_default(filter, mac);
	mutex_unlock(&net->filter_lock);
}

/**
 * net_filter_edit - begin to change the filter
 * @net: the card
 *
 * Context: may sleep.
 * Return: a copy to change, for net_filter_commit(); NULL if there is no memory.
 */
struct net_filter *net_filter_edit(struct sim_net *net)
{
	struct net_filter *filter = kmalloc_obj(*filter);

	if (!filter)
		return NULL;
	mutex_lock(&net->filter_lock);
	*filter = *rcu_dereference_protected(net->filter, lockdep_is_held(&net->filter_lock));
	return filter;
}

/**
 * net_filter_commit - put a changed filter in force
 * @net: the card
 * @filter: from net_filter_edit()
 */
void net_filter_commit(struct sim_net *net, struct net_filter *filter)
{
	filter = rcu_replace_pointer(net->filter, filter, lockdep_is_held(&net->filter_lock));
	mutex_unlock(&net->filter_lock);
	kfree_rcu(filter, rcu);
}

/**
 * net_filter_cancel - leave the filter as it is
 * @net: the card
 * @filter: from net_filter_edit()
 */
void net_filter_cancel(struct sim_net *net, struct net_filter *filter)
{
	mutex_unlock(&net->filter_lock);
	kfree(filter);
}

void net_filter_get_mac(const struct sim_net *net, u8 *mac)
{
	rcu_read_lock();
	ether_addr_copy(mac, rcu_dereference(net->filter)->mac);
	rcu_read_unlock();
}

/* Bytes [@offset, @offset + @len) of the address. */
int net_filter_set_mac(struct sim_net *net, unsigned int offset, const u8 *mac, unsigned int len)
{
	struct net_filter *filter = net_filter_edit(net);

	if (!filter)
		return -ENOMEM;
	memcpy(filter->mac + offset, mac, len);
	net_filter_commit(net, filter);
	return 0;
}

static bool net_macs_have(const struct net_macs *macs, const u8 *addr)
{
	unsigned int i;

	for (i = 0; i < macs->n; i++)
		if (ether_addr_equal_unaligned(macs->addr[i], addr))
			return true;
	return macs->overflow;
}

static bool net_filter_vlan(const struct net_filter *filter, const struct ethhdr *eth, size_t len)
{
	const struct vlan_ethhdr *vlan = (const struct vlan_ethhdr *)eth;

	if (eth->h_proto != htons(ETH_P_8021Q) || len < sizeof(*vlan))
		return true;
	return test_bit(ntohs(vlan->h_vlan_TCI) & VLAN_VID_MASK, filter->vlans);
}

/* For a driver that can set modes. */
static bool net_filter_modes(const struct net_filter *filter, const u8 *dest)
{
	if (filter->promisc)
		return true;
	if (is_broadcast_ether_addr(dest))
		return !filter->nobcast;
	if (is_multicast_ether_addr(dest))
		return !filter->nomulti &&
		       (filter->allmulti || net_macs_have(&filter->multi, dest));
	return !filter->nouni && (filter->alluni ||
				  ether_addr_equal_unaligned(dest, filter->mac) ||
				  net_macs_have(&filter->uni, dest));
}

/**
 * net_filter_takes - is a frame received?
 * @net: the card
 * @frame: the frame
 * @len: its length
 *
 * Without receive modes the card takes its own unicast frames and all others.
 *
 * Context: any.
 * Return: true if so.
 */
bool net_filter_takes(const struct sim_net *net, const void *frame, size_t len)
{
	const struct ethhdr *eth = frame;
	const struct net_filter *filter;
	bool takes;

	if (len < ETH_HLEN)
		return false;
	rcu_read_lock();
	filter = rcu_dereference(net->filter);
	if (sim_has(&net->sim, VIRTIO_NET_F_CTRL_RX))
		takes = net_filter_modes(filter, eth->h_dest);
	else
		takes = is_multicast_ether_addr(eth->h_dest) ||
			ether_addr_equal_unaligned(eth->h_dest, filter->mac);
	if (sim_has(&net->sim, VIRTIO_NET_F_CTRL_VLAN))
		takes = takes && net_filter_vlan(filter, eth, len);
	rcu_read_unlock();
	return takes;
}
