// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simulated network card: what is sent through one of its queue pairs and is for
 * it comes back through the same pair. Pairs are 2n (receive) and 2n + 1 (transmit);
 * each has a thread, and so has the control queue, which is behind the last pair if
 * the driver knows of several and queue 2 if not (virtio 1.3, 5.1.2).
 */

#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "net.h"

/* The longest frame, its header included. */
#define NET_FRAME_MAX	(sizeof(struct virtio_net_hdr_v1) + VLAN_ETH_HLEN + U16_MAX)
/* Frames in one turn. */
#define NET_BUDGET	(8 * SIM_BATCH)
#define NET_PAIRS_MAX	16
#define NET_MTU		1500

#define NET_FEATURES_DEFAULT						\
	(SIM_FEATURES_DEFAULT | BIT_ULL(VIRTIO_NET_F_MAC) |		\
	 BIT_ULL(VIRTIO_NET_F_STATUS) | BIT_ULL(VIRTIO_NET_F_MTU) |	\
	 BIT_ULL(VIRTIO_NET_F_CTRL_VQ) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR))
#define NET_FEATURES							\
	(NET_FEATURES_DEFAULT | SIM_FEATURES |				\
	 BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_CTRL_RX) |	\
	 BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT_ULL(VIRTIO_NET_F_CTRL_VLAN))
/* What makes no sense without a control queue. */
#define NET_FEATURES_CTRL						\
	(BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_CTRL_RX) |	\
	 BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | \
	 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR))

/* Queue 2 may be either: drivers that know of one pair have their control queue there. */
static bool net_is_ctrl(const struct sim_net *net, u16 index)
{
	return index == 2 * net->max_pairs ||
	       (index == 2 && !sim_has(&net->sim, VIRTIO_NET_F_MQ));
}

static struct sim_queue *net_ctrl_queue(struct sim_net *net)
{
	return &net->sim.queues[sim_has(&net->sim, VIRTIO_NET_F_MQ) ? 2 * net->max_pairs : 2];
}

static unsigned int net_worker_of(const struct sim *sim, u16 index)
{
	const struct sim_net *net = sim_to_net(sim);

	return net_is_ctrl(net, index) ? net->max_pairs : index / 2;
}

static u32 net_group_of(const struct sim *sim, u16 index)
{
	return net_is_ctrl(sim_to_net(sim), index) ? 1 : 0;
}

static size_t net_hdr_len(const struct sim_net *net)
{
	return sim_has(&net->sim, VIRTIO_F_VERSION_1) ? sizeof(struct virtio_net_hdr_v1) :
	       sizeof(struct virtio_net_hdr);
}

/* Take a frame with its header from a transmit buffer. Returns its length, or 0. */
static size_t net_fetch(struct sim_net *net, struct sim_queue *tx, const struct devq_chain *chain,
			void *frame)
{
	size_t hdr_len = net_hdr_len(net), len = chain->out_len;
	struct iov_iter iter;

	if (chain->unmapped || len <= hdr_len || len > NET_FRAME_MAX)
		return 0;
	sim_chain_out(tx, chain, &iter);
	if (copy_from_iter(frame, len, &iter) != len)
		return 0;
	/* Nothing was negotiated that a header could ask for. */
	memset(frame, 0, hdr_len);
	if (hdr_len == sizeof(struct virtio_net_hdr_v1))
		((struct virtio_net_hdr_v1 *)frame)->num_buffers =
			__cpu_to_virtio16(true, 1);
	return len;
}

/**
 * struct net_rx_cursor - receive buffers of a batch
 * @next: the next one in sim_queue.chain
 * @have: how many there are
 */
struct net_rx_cursor {
	int next;
	int have;
};

/* The next receive buffer, NULL if there is none. Bad ones go back on the way. */
static const struct devq_chain *net_rx_peek(struct sim_queue *rx, struct net_rx_cursor *c)
{
	for (;; c->next++) {
		const struct devq_chain *chain;

		if (c->next == c->have) {
			c->next = 0;
			c->have = max(sim_queue_pop(rx, SIM_BATCH), 0);
			if (!c->have)
				return NULL;
		}
		chain = &rx->chain[c->next];
		if (!chain->unmapped && chain->in_len)
			return chain;
		sim_count(rx, NET_RX_ERRORS, 1);
		sim_queue_use(rx, chain, 0);
	}
}

static void net_deliver(struct sim_net *net, struct sim_queue *rx, struct net_rx_cursor *c,
			const void *frame, size_t len)
{
	const struct devq_chain *chain = net_rx_peek(rx, c);
	struct iov_iter iter;

	if (!chain) {
		sim_count(rx, NET_RX_OVERRUNS, 1);
		return;
	}
	if (chain->in_len < len) {
		/* Without mergeable buffers the frame is lost; the buffer is not. */
		sim_count(rx, NET_RX_ERRORS, 1);
		return;
	}
	c->next++;
	sim_chain_in(rx, chain, &iter);
	if (copy_to_iter(frame, len, &iter) != len) {
		sim_count(rx, NET_RX_ERRORS, 1);
		sim_queue_use(rx, chain, 0);
		return;
	}
	sim_count(rx, NET_RX_PACKETS, 1);
	sim_count(rx, NET_RX_BYTES, len - net_hdr_len(net));
	sim_queue_use(rx, chain, len);
}

static void net_loop_back(struct sim_net *net, unsigned int pair, struct sim_queue *tx,
			  struct sim_queue *rx, int n)
{
	struct net_rx_cursor c = {};
	void *frame = net->frames[pair];
	size_t hdr_len = net_hdr_len(net);
	int i;

	for (i = 0; i < n; i++) {
		size_t len = net_fetch(net, tx, &tx->chain[i], frame);

		sim_queue_use(tx, &tx->chain[i], 0);
		if (!len) {
			sim_count(tx, NET_TX_ERRORS, 1);
			continue;
		}
		sim_count(tx, NET_TX_PACKETS, 1);
		sim_count(tx, NET_TX_BYTES, len - hdr_len);
		if (pair >= READ_ONCE(net->pairs))
			sim_count(tx, NET_TX_DROPS, 1);
		else if (net_filter_takes(net, frame + hdr_len, len - hdr_len))
			net_deliver(net, rx, &c, frame, len);
		else
			sim_count(rx, NET_RX_DROPS, 1);
	}
	devq_unpop(&rx->ring, rx->chain + c.next, c.have - c.next);
	sim_queue_flush(rx);
	sim_queue_flush(tx);
}

static bool net_pair_serve(struct sim_net *net, unsigned int pair, struct sim_queue *tx,
			   struct sim_queue *rx)
{
	unsigned int done = 0;
	int n;

	/* Nothing is done about receive buffers until there is something to receive. */
	devq_disable_kick(&rx->ring);
	while (done < NET_BUDGET) {
		devq_disable_kick(&tx->ring);
		n = sim_queue_pop(tx, SIM_BATCH);
		if (!n)
			n = devq_enable_kick(&tx->ring) > 0 ? sim_queue_pop(tx, SIM_BATCH) : 0;
		if (n <= 0)
			return false;
		net_loop_back(net, pair, tx, rx, n);
		done += n;
	}
	return true;
}

static bool net_serve(struct sim *sim, unsigned int worker)
{
	struct sim_net *net = sim_to_net(sim);
	struct sim_queue *rx, *tx;
	bool more = false;

	if (worker == net->max_pairs)
		return sim_has(sim, VIRTIO_NET_F_CTRL_VQ) &&
		       net_ctrl_serve(net, net_ctrl_queue(net));
	if (worker && !sim_has(sim, VIRTIO_NET_F_MQ))
		return false;
	rx = &sim->queues[2 * worker];
	tx = rx + 1;
	if (!sim_queue_enter(tx))
		return false;
	if (sim_queue_enter_second(rx)) {
		more = net_pair_serve(net, worker, tx, rx);
		sim_queue_exit(rx);
	}
	sim_queue_exit(tx);
	return more;
}

static void net_reset(struct sim *sim)
{
	struct sim_net *net = sim_to_net(sim);

	WRITE_ONCE(net->pairs, 1);
	net_filter_reset(net);
}

static void net_get_config(struct sim *sim, void *config)
{
	struct virtio_net_config *cfg = config;
	struct sim_net *net = sim_to_net(sim);
	bool little = sim_little_endian(sim);

	net_filter_get_mac(net, cfg->mac);
	cfg->status = __cpu_to_virtio16(little, VIRTIO_NET_S_LINK_UP);
	cfg->max_virtqueue_pairs = __cpu_to_virtio16(little, net->max_pairs);
	cfg->mtu = __cpu_to_virtio16(little, net->mtu);
}

/* A driver may write the MAC address (virtio 1.3, 5.1.4), and the VMM does for its guest. */
static void net_set_config(struct sim *sim, unsigned int offset, const void *buf,
			   unsigned int len)
{
	if (offset < ETH_ALEN)
		net_filter_set_mac(sim_to_net(sim), offset, buf, min(len, ETH_ALEN - offset));
}

static int net_set_attr(struct sim *sim, const struct vdpa_config *config)
{
	if (config->set != VDPA_CONFIG_MAC)
		return -EOPNOTSUPP;
	return net_filter_set_mac(sim_to_net(sim), 0, config->mac, ETH_ALEN);
}

static const char *const *net_counters(const struct sim *sim, u16 index)
{
	static const char *const rx[] = {
		"rx packets", "rx bytes", "rx errors", "rx overruns", "rx drops", NULL
	};
	static const char *const tx[] = {
		"tx packets", "tx bytes", "tx errors", "tx drops", NULL
	};
	static const char *const ctrl[] = {
		"cvq requests", "cvq successes", "cvq errors", NULL
	};

	if (net_is_ctrl(sim_to_net(sim), index))
		return ctrl;
	return index & 1 ? tx : rx;
}

static void net_frames_free(struct sim_net *net)
{
	unsigned int i;

	for (i = 0; net->frames && i < net->max_pairs; i++)
		kvfree(net->frames[i]);
	kfree(net->frames);
}

static int net_frames_alloc(struct sim_net *net)
{
	unsigned int i;

	net->frames = kzalloc_objs(*net->frames, net->max_pairs);
	if (!net->frames)
		return -ENOMEM;
	for (i = 0; i < net->max_pairs; i++) {
		net->frames[i] = kvmalloc(NET_FRAME_MAX, GFP_KERNEL);
		if (!net->frames[i])
			return -ENOMEM;
	}
	return 0;
}

static int net_configure(struct sim_net *net, const struct vdpa_config *config,
			 struct netlink_ext_ack *extack)
{
	struct vdpa_device *vdev = &net->sim.vdev;
	u64 features;

	net->max_pairs = config->set & VDPA_CONFIG_MAX_VQP ? config->max_vqp : 1;
	net->mtu = config->set & VDPA_CONFIG_MTU ? config->mtu : NET_MTU;
	net->pairs = 1;
	/* Who asks for pairs and not for features asks for the feature as well. */
	if (!(config->set & VDPA_CONFIG_FEATURES) && net->max_pairs > 1)
		vdev->device_features |= BIT_ULL(VIRTIO_NET_F_MQ);
	features = vdev->device_features;
	if (!net->max_pairs || net->max_pairs > NET_PAIRS_MAX ||
	    (net->max_pairs > 1 && !(features & BIT_ULL(VIRTIO_NET_F_MQ)))) {
		NL_SET_ERR_MSG(extack, "1 to 16 queue pairs, more than 1 with VIRTIO_NET_F_MQ");
		return -EINVAL;
	}
	if (!(features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ)) && (features & NET_FEATURES_CTRL)) {
		NL_SET_ERR_MSG(extack, "features that need VIRTIO_NET_F_CTRL_VQ");
		return -EINVAL;
	}
	return 0;
}

static int net_create(struct sim *sim, const struct vdpa_config *config,
		      struct netlink_ext_ack *extack)
{
	static const u8 no_mac[ETH_ALEN];
	struct sim_net *net = sim_to_net(sim);
	bool ctrl;
	int err = net_configure(net, config, extack);

	if (err)
		return err;
	ctrl = sim->vdev.device_features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ);
	sim->vdev.nvqs = 2 * net->max_pairs + ctrl;
	sim->vdev.ngroups = 1 + ctrl;
	sim->vdev.nas = 1 + ctrl;
	sim->nworkers = net->max_pairs + 1;
	err = net_frames_alloc(net);
	if (!err)
		err = net_filter_create(net, config->set & VDPA_CONFIG_MAC ? config->mac : no_mac);
	if (err)
		net_frames_free(net);
	return err;
}

static void net_destroy(struct sim *sim)
{
	net_filter_destroy(sim_to_net(sim));
	net_frames_free(sim_to_net(sim));
}

static const struct sim_class sim_net_class = {
	.name = "vdpasim_net",
	.device_id = VIRTIO_ID_NET,
	.size = sizeof(struct sim_net),
	.config_size = sizeof(struct virtio_net_config),
	.config_set = VDPA_CONFIG_MAC | VDPA_CONFIG_MTU | VDPA_CONFIG_MAX_VQP,
	.features = NET_FEATURES,
	.default_features = NET_FEATURES_DEFAULT,
	.max_queues = 2 * NET_PAIRS_MAX + 1,
	.create = net_create,
	.destroy = net_destroy,
	.reset = net_reset,
	.serve = net_serve,
	.worker_of = net_worker_of,
	.group_of = net_group_of,
	.get_config = net_get_config,
	.set_config = net_set_config,
	.set_attr = net_set_attr,
	.counters = net_counters,
};

module_sim_class(sim_net_class);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Simulated vDPA network card");
MODULE_IMPORT_NS("RINGSIDE");
