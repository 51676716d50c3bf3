/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_SIM_NET_H
#define RINGSIDE_VDPA_SIM_NET_H
/* The network card: what its files share. */

#include <linux/bitmap.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/virtio_net.h>
#include <uapi/linux/virtio_net.h>

#include "sim.h"

/* MAC addresses of each kind that the filter has room for. */
#define NET_MAC_TABLE	64

/**
 * struct net_macs - MAC addresses that are received
 * @n: how many
 * @overflow: there were more than there is room for, so that all are received
 * @addr: the addresses
 */
struct net_macs {
	unsigned int n;
	bool overflow;
	u8 addr[NET_MAC_TABLE][ETH_ALEN];
};

/**
 * struct net_filter - which frames are received
 * @rcu: frees it
 * @mac: the card's own address, which is that of the configuration
 * @promisc: all are, if they are for the right VLAN
 * @allmulti: all multicast ones
 * @alluni: all unicast ones
 * @nomulti: no multicast one
 * @nouni: no unicast one
 * @nobcast: no broadcast one
 * @uni: unicast addresses besides @mac
 * @multi: multicast addresses
 * @vlans: VLANs, if they are filtered
 *
 * Never changed: a new one takes its place. The flags and all behind them count
 * only if the driver can set them, see net_filter_takes().
 */
struct net_filter {
	struct rcu_head rcu;
	u8 mac[ETH_ALEN];
	bool promisc;
	bool allmulti;
	bool alluni;
	bool nomulti;
	bool nouni;
	bool nobcast;
	struct net_macs uni;
	struct net_macs multi;
	DECLARE_BITMAP(vlans, VLAN_N_VID);
};

/**
 * struct sim_net - a network card
 * @sim: the device
 * @max_pairs: queue pairs it has; immutable
 * @mtu: immutable
 * @pairs: queue pairs in use; written by turns of the control queue and by reset
 * @frames: a frame on its way, for each pair; under the pair's mutexes
 * @filter_lock: serialises changes of @filter
 * @filter: which frames are received; under RCU
 */
struct sim_net {
	struct sim sim;
	u16 max_pairs;
	u16 mtu;
	u16 pairs;
	void **frames;
	struct mutex filter_lock;
	struct net_filter __rcu *filter;
};

static inline struct sim_net *sim_to_net(const struct sim *sim)
{
	return container_of(sim, struct sim_net, sim);
}

/* Counters of receive, transmit and control queues. */
enum { NET_RX_PACKETS, NET_RX_BYTES, NET_RX_ERRORS, NET_RX_OVERRUNS, NET_RX_DROPS };
enum { NET_TX_PACKETS, NET_TX_BYTES, NET_TX_ERRORS, NET_TX_DROPS };
enum { NET_CTRL_REQUESTS, NET_CTRL_SUCCESSES, NET_CTRL_ERRORS };

/* net_filter.c */
int net_filter_create(struct sim_net *net, const u8 *mac);
void net_filter_destroy(struct sim_net *net);
void net_filter_reset(struct sim_net *net);
bool net_filter_takes(const struct sim_net *net, const void *frame, size_t len);
struct net_filter *net_filter_edit(struct sim_net *net);
void net_filter_commit(struct sim_net *net, struct net_filter *filter);
void net_filter_cancel(struct sim_net *net, struct net_filter *filter);
void net_filter_get_mac(const struct sim_net *net, u8 *mac);
int net_filter_set_mac(struct sim_net *net, unsigned int offset, const u8 *mac, unsigned int len);

/* net_ctrl.c */
bool net_ctrl_serve(struct sim_net *net, struct sim_queue *q);

#endif
