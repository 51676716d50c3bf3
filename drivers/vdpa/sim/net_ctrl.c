// SPDX-License-Identifier: GPL-2.0-only
/* The control queue of a network card (virtio 1.3, 5.1.6.5). */

#include <linux/uio.h>

#include "net.h"

/* Buffers in one turn. */
#define NET_CTRL_BUDGET	(4 * SIM_BATCH)

/* Copy exactly what is left of a command. */
static bool net_ctrl_take(struct iov_iter *cmd, void *to, size_t len)
{
	return iov_iter_count(cmd) == len && copy_from_iter(to, len, cmd) == len;
}

static bool *net_ctrl_mode(const struct sim_net *net, struct net_filter *filter, u8 cmd)
{
	bool extra = sim_has(&net->sim, VIRTIO_NET_F_CTRL_RX_EXTRA);

	switch (cmd) {
	case VIRTIO_NET_CTRL_RX_PROMISC:
		return &filter->promisc;
	case VIRTIO_NET_CTRL_RX_ALLMULTI:
		return &filter->allmulti;
	case VIRTIO_NET_CTRL_RX_ALLUNI:
		return extra ? &filter->alluni : NULL;
	case VIRTIO_NET_CTRL_RX_NOMULTI:
		return extra ? &filter->nomulti : NULL;
	case VIRTIO_NET_CTRL_RX_NOUNI:
		return extra ? &filter->nouni : NULL;
	case VIRTIO_NET_CTRL_RX_NOBCAST:
		return extra ? &filter->nobcast : NULL;
	default:
		return NULL;
	}
}

static bool net_ctrl_rx(struct sim_net *net, struct net_filter *filter, u8 cmd,
			struct iov_iter *data)
{
	bool *mode = net_ctrl_mode(net, filter, cmd);
	u8 on;

	if (!sim_has(&net->sim, VIRTIO_NET_F_CTRL_RX) || !mode ||
	    !net_ctrl_take(data, &on, sizeof(on)))
		return false;
	*mode = on;
	return true;
}

static bool net_ctrl_macs(const struct sim_net *net, struct net_macs *macs, struct iov_iter *data)
{
	__virtio32 entries;
	size_t n;

	if (copy_from_iter(&entries, sizeof(entries), data) != sizeof(entries))
		return false;
	n = __virtio32_to_cpu(sim_little_endian(&net->sim), entries);
	if (n > iov_iter_count(data) / ETH_ALEN)
		return false;
	macs->overflow = n > NET_MAC_TABLE;
	if (macs->overflow) {
		macs->n = 0;
		iov_iter_advance(data, n * ETH_ALEN);
		return true;
	}
	macs->n = n;
	return copy_from_iter(macs->addr, n * ETH_ALEN, data) == n * ETH_ALEN;
}

static bool net_ctrl_mac(struct sim_net *net, struct net_filter *filter, u8 cmd,
			 struct iov_iter *data)
{
	switch (cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return sim_has(&net->sim, VIRTIO_NET_F_CTRL_RX) &&
		       net_ctrl_macs(net, &filter->uni, data) &&
		       net_ctrl_macs(net, &filter->multi, data) && !iov_iter_count(data);
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return sim_has(&net->sim, VIRTIO_NET_F_CTRL_MAC_ADDR) &&
		       net_ctrl_take(data, filter->mac, ETH_ALEN) &&
		       !is_multicast_ether_addr(filter->mac);
	default:
		return false;
	}
}

static bool net_ctrl_vlan(struct sim_net *net, struct net_filter *filter, u8 cmd,
			  struct iov_iter *data)
{
	__virtio16 raw;
	u16 vid;

	if (!sim_has(&net->sim, VIRTIO_NET_F_CTRL_VLAN) ||
	    (cmd != VIRTIO_NET_CTRL_VLAN_ADD && cmd != VIRTIO_NET_CTRL_VLAN_DEL) ||
	    !net_ctrl_take(data, &raw, sizeof(raw)))
		return false;
	vid = __virtio16_to_cpu(sim_little_endian(&net->sim), raw);
	if (vid >= VLAN_N_VID)
		return false;
	__assign_bit(vid, filter->vlans, cmd == VIRTIO_NET_CTRL_VLAN_ADD);
	return true;
}

static bool net_ctrl_mq(struct sim_net *net, u8 cmd, struct iov_iter *data)
{
	struct virtio_net_ctrl_mq mq;
	u16 pairs;

	if (!sim_has(&net->sim, VIRTIO_NET_F_MQ) || cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ||
	    !net_ctrl_take(data, &mq, sizeof(mq)))
		return false;
	pairs = __virtio16_to_cpu(sim_little_endian(&net->sim), mq.virtqueue_pairs);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > net->max_pairs)
		return false;
	WRITE_ONCE(net->pairs, pairs);
	return true;
}

/* Commands that change the filter: on a copy, so that one that fails changes nothing. */
static bool net_ctrl_filter(struct sim_net *net, const struct virtio_net_ctrl_hdr *hdr,
			    struct iov_iter *data)
{
	struct net_filter *filter = net_filter_edit(net);
	bool ok = false;

	if (!filter)
		return false;
	switch (hdr->class) {
	case VIRTIO_NET_CTRL_RX:
		ok = net_ctrl_rx(net, filter, hdr->cmd, data);
		break;
	case VIRTIO_NET_CTRL_MAC:
		ok = net_ctrl_mac(net, filter, hdr->cmd, data);
		break;
	case VIRTIO_NET_CTRL_VLAN:
		ok = net_ctrl_vlan(net, filter, hdr->cmd, data);
		break;
	}
	if (ok)
		net_filter_commit(net, filter);
	else
		net_filter_cancel(net, filter);
	return ok;
}

static bool net_ctrl_command(struct sim_net *net, struct iov_iter *cmd)
{
	struct virtio_net_ctrl_hdr hdr;

	if (copy_from_iter(&hdr, sizeof(hdr), cmd) != sizeof(hdr))
		return false;
	return hdr.class == VIRTIO_NET_CTRL_MQ ? net_ctrl_mq(net, hdr.cmd, cmd) :
	       net_ctrl_filter(net, &hdr, cmd);
}

static void net_ctrl_one(struct sim_net *net, struct sim_queue *q, const struct devq_chain *chain)
{
	struct iov_iter iter;
	bool ok = false;
	u32 len = 0;

	if (!chain->unmapped && chain->in_len) {
		virtio_net_ctrl_ack ack;

		sim_chain_out(q, chain, &iter);
		ok = net_ctrl_command(net, &iter);
		ack = ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		sim_chain_in(q, chain, &iter);
		len = copy_to_iter(&ack, sizeof(ack), &iter);
	}
	sim_count(q, NET_CTRL_REQUESTS, 1);
	sim_count(q, ok && len ? NET_CTRL_SUCCESSES : NET_CTRL_ERRORS, 1);
	sim_queue_use(q, chain, len);
}

/**
 * net_ctrl_serve - a turn of the control queue
 * @net: the card
 * @q: its control queue
 *
 * Return: true if there is more to do.
 */
bool net_ctrl_serve(struct sim_net *net, struct sim_queue *q)
{
	unsigned int done = 0;
	int n = 0, i;

	if (!sim_queue_enter(q))
		return false;
	while (done < NET_CTRL_BUDGET) {
		n = sim_queue_pop(q, SIM_BATCH);
		if (!n)
			n = devq_enable_kick(&q->ring) > 0 ? sim_queue_pop(q, SIM_BATCH) : 0;
		if (n <= 0)
			break;
		for (i = 0; i < n; i++)
			net_ctrl_one(net, q, &q->chain[i]);
		sim_queue_flush(q);
		done += n;
	}
	sim_queue_exit(q);
	return n > 0;
}
