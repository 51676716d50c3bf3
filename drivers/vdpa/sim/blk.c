// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simulated disk, in memory. Each of its queues has a thread, and requests are
 * done in the order they come.
 */

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <uapi/linux/virtio_blk.h>
#include <uapi/linux/virtio_ids.h>

#include "blk_store.h"
#include "sim.h"

#define BLK_CAPACITY	0x40000		/* sectors */
#define BLK_SIZE_MAX	0x1000
#define BLK_SEG_MAX	32
#define BLK_QUEUES_MAX	16
/* Requests in one turn. */
#define BLK_BUDGET	(4 * SIM_BATCH)
#define SECTOR		512

#define BLK_FEATURES_DEFAULT						\
	(SIM_FEATURES_DEFAULT | BIT_ULL(VIRTIO_BLK_F_FLUSH) |		\
	 BIT_ULL(VIRTIO_BLK_F_SIZE_MAX) | BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | \
	 BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) | BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) | \
	 BIT_ULL(VIRTIO_BLK_F_MQ) | BIT_ULL(VIRTIO_BLK_F_DISCARD) |	\
	 BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES))
#define BLK_FEATURES							\
	(BLK_FEATURES_DEFAULT | SIM_FEATURES | BIT_ULL(VIRTIO_BLK_F_RO))

static bool shared_backend;
module_param(shared_backend, bool, 0444);
MODULE_PARM_DESC(shared_backend, "All devices have the same content");

/* What they share; there as long as one of them is. */
static struct blk_store *blk_shared;
static DEFINE_MUTEX(blk_shared_lock);

/**
 * struct sim_blk - a disk
 * @sim: the device
 * @capacity: sectors; immutable
 * @block_size: bytes, as it is told to the driver; immutable
 * @store: what is on it
 */
struct sim_blk {
	struct sim sim;
	u64 capacity;
	u32 block_size;
	struct blk_store *store;
};

/* Counters of a queue. */
enum { BLK_REQUESTS, BLK_ERRORS, BLK_READ_BYTES, BLK_WRITE_BYTES };

static struct sim_blk *sim_to_blk(const struct sim *sim)
{
	return container_of(sim, struct sim_blk, sim);
}

static bool blk_in_range(const struct sim_blk *blk, u64 sector, u64 n)
{
	return sector < blk->capacity && n <= blk->capacity - sector;
}

static bool blk_writable(const struct sim_blk *blk)
{
	return !(blk->sim.vdev.device_features & BIT_ULL(VIRTIO_BLK_F_RO));
}

static u8 blk_read(struct sim_blk *blk, struct sim_queue *q, u64 sector, struct iov_iter *in)
{
	size_t len = iov_iter_count(in) - 1;

	if (len % SECTOR || !blk_in_range(blk, sector, len / SECTOR) ||
	    !blk_store_read(blk->store, sector * SECTOR, in, len))
		return VIRTIO_BLK_S_IOERR;
	sim_count(q, BLK_READ_BYTES, len);
	return VIRTIO_BLK_S_OK;
}

static u8 blk_write(struct sim_blk *blk, struct sim_queue *q, u64 sector, struct iov_iter *out)
{
	size_t len = iov_iter_count(out);

	if (!blk_writable(blk) || len % SECTOR || !blk_in_range(blk, sector, len / SECTOR) ||
	    !blk_store_write(blk->store, sector * SECTOR, out, len))
		return VIRTIO_BLK_S_IOERR;
	sim_count(q, BLK_WRITE_BYTES, len);
	return VIRTIO_BLK_S_OK;
}

/* One range, as many as the configuration says that there may be. */
static u8 blk_clear(struct sim_blk *blk, u32 type, struct iov_iter *out)
{
	unsigned int feature = type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_F_DISCARD :
			       VIRTIO_BLK_F_WRITE_ZEROES;
	u32 allowed = type == VIRTIO_BLK_T_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	struct virtio_blk_discard_write_zeroes range;
	u64 sector, n;

	if (!sim_has(&blk->sim, feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (!blk_writable(blk) || iov_iter_count(out) != sizeof(range) ||
	    copy_from_iter(&range, sizeof(range), out) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	if (le32_to_cpu(range.flags) & ~allowed)
		return VIRTIO_BLK_S_UNSUPP;
	sector = le64_to_cpu(range.sector);
	n = le32_to_cpu(range.num_sectors);
	if (!blk_in_range(blk, sector, n))
		return VIRTIO_BLK_S_IOERR;
	blk_store_zero(blk->store, sector * SECTOR, n * SECTOR);
	return VIRTIO_BLK_S_OK;
}

static u8 blk_get_id(struct iov_iter *in)
{
	static const char id[VIRTIO_BLK_ID_BYTES] = "vdpa_blk_sim";
	size_t len = min(iov_iter_count(in) - 1, sizeof(id));

	return copy_to_iter(id, len, in) == len ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/* @in is the device-writable part, whose last byte is that of the status. */
static u8 blk_request(struct sim_blk *blk, struct sim_queue *q, struct iov_iter *out,
		      struct iov_iter *in)
{
	bool little = sim_little_endian(&blk->sim);
	struct virtio_blk_outhdr hdr;
	u64 sector;
	u32 type;

	if (copy_from_iter(&hdr, sizeof(hdr), out) != sizeof(hdr))
		return VIRTIO_BLK_S_IOERR;
	type = __virtio32_to_cpu(little, hdr.type);
	sector = __virtio64_to_cpu(little, hdr.sector);
	if (type != VIRTIO_BLK_T_IN && type != VIRTIO_BLK_T_OUT && sector)
		return VIRTIO_BLK_S_IOERR;
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return blk_read(blk, q, sector, in);
	case VIRTIO_BLK_T_OUT:
		return blk_write(blk, q, sector, out);
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return blk_get_id(in);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return blk_clear(blk, type, out);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/*
 * Returns how much was written to the buffer, up to and with the status. That counts
 * only if it all was: what is behind a hole is not told.
 */
static u32 blk_do(struct sim_blk *blk, struct sim_queue *q, const struct devq_chain *chain)
{
	struct iov_iter out, in, end;
	bool full;
	u8 status;

	sim_count(q, BLK_REQUESTS, 1);
	if (chain->unmapped || !chain->in_len) {
		sim_count(q, BLK_ERRORS, 1);
		return 0;
	}
	sim_chain_out(q, chain, &out);
	sim_chain_in(q, chain, &in);
	end = in;
	iov_iter_advance(&end, chain->in_len - 1);
	status = blk_request(blk, q, &out, &in);
	full = iov_iter_count(&in) == 1;
	if (status != VIRTIO_BLK_S_OK)
		sim_count(q, BLK_ERRORS, 1);
	if (copy_to_iter(&status, sizeof(status), &end) != sizeof(status))
		return 0;
	return full ? chain->in_len : 0;
}

static bool blk_serve(struct sim *sim, unsigned int worker)
{
	struct sim_blk *blk = sim_to_blk(sim);
	struct sim_queue *q = &sim->queues[worker];
	unsigned int done = 0;
	int n = 0, i;

	if (!sim_queue_enter(q))
		return false;
	while (done < BLK_BUDGET) {
		devq_disable_kick(&q->ring);
		n = sim_queue_pop(q, SIM_BATCH);
		if (!n)
			n = devq_enable_kick(&q->ring) > 0 ? sim_queue_pop(q, SIM_BATCH) : 0;
		if (n <= 0)
			break;
		for (i = 0; i < n; i++)
			sim_queue_use(q, &q->chain[i], blk_do(blk, q, &q->chain[i]));
		sim_queue_flush(q);
		done += n;
	}
	sim_queue_exit(q);
	return n > 0;
}

static unsigned int blk_worker_of(const struct sim *sim, u16 index)
{
	return index;
}

static void blk_get_config(struct sim *sim, void *config)
{
	struct virtio_blk_config *cfg = config;
	struct sim_blk *blk = sim_to_blk(sim);
	bool little = sim_little_endian(sim);

	cfg->capacity = __cpu_to_virtio64(little, blk->capacity);
	cfg->size_max = __cpu_to_virtio32(little, BLK_SIZE_MAX);
	cfg->seg_max = __cpu_to_virtio32(little, BLK_SEG_MAX);
	cfg->blk_size = __cpu_to_virtio32(little, blk->block_size);
	cfg->num_queues = __cpu_to_virtio16(little, sim->vdev.nvqs);
	cfg->min_io_size = __cpu_to_virtio16(little, 1);
	cfg->opt_io_size = __cpu_to_virtio32(little, 1);
	cfg->discard_sector_alignment = __cpu_to_virtio32(little, blk->block_size / SECTOR);
	cfg->max_discard_sectors = __cpu_to_virtio32(little, U32_MAX);
	cfg->max_discard_seg = __cpu_to_virtio32(little, 1);
	cfg->max_write_zeroes_sectors = __cpu_to_virtio32(little, U32_MAX);
	cfg->max_write_zeroes_seg = __cpu_to_virtio32(little, 1);
	cfg->write_zeroes_may_unmap = 1;
}

static const char *const *blk_counters(const struct sim *sim, u16 index)
{
	static const char *const names[] = {
		"requests", "errors", "read bytes", "write bytes", NULL
	};

	return names;
}

static struct blk_store *blk_store_of_all(void)
{
	struct blk_store *store;

	mutex_lock(&blk_shared_lock);
	if (!blk_shared)
		blk_shared = blk_store_create();
	store = blk_shared;
	if (store)
		kref_get(&store->refs);
	mutex_unlock(&blk_shared_lock);
	return store;
}

static int blk_create(struct sim *sim, const struct vdpa_config *config,
		      struct netlink_ext_ack *extack)
{
	struct sim_blk *blk = sim_to_blk(sim);
	u32 queues = config->set & VDPA_CONFIG_MAX_VQP ? config->max_vqp : 1;

	blk->capacity = config->set & VDPA_CONFIG_BLK_CAPACITY ? config->blk_capacity :
			BLK_CAPACITY;
	blk->block_size = config->set & VDPA_CONFIG_BLK_SIZE ? config->blk_size : SECTOR;
	if (!queues || queues > BLK_QUEUES_MAX ||
	    (queues > 1 && !(sim->vdev.device_features & BIT_ULL(VIRTIO_BLK_F_MQ)))) {
		NL_SET_ERR_MSG(extack, "1 to 16 queues, more than 1 with VIRTIO_BLK_F_MQ");
		return -EINVAL;
	}
	if (!blk->capacity || blk->capacity > LLONG_MAX / SECTOR) {
		NL_SET_ERR_MSG(extack, "capacity out of range");
		return -EINVAL;
	}
	if (blk->block_size < SECTOR || blk->block_size > SZ_64K ||
	    !is_power_of_2(blk->block_size)) {
		NL_SET_ERR_MSG(extack, "block size is a power of two from 512 to 65536");
		return -EINVAL;
	}
	sim->vdev.nvqs = queues;
	sim->nworkers = queues;
	blk->store = shared_backend ? blk_store_of_all() : blk_store_create();
	return blk->store ? 0 : -ENOMEM;
}

static void blk_destroy(struct sim *sim)
{
	blk_store_put(sim_to_blk(sim)->store);
}

static const struct sim_class sim_blk_class = {
	.name = "vdpasim_blk",
	.device_id = VIRTIO_ID_BLOCK,
	.size = sizeof(struct sim_blk),
	.config_size = sizeof(struct virtio_blk_config),
	.config_set = VDPA_CONFIG_MAX_VQP | VDPA_CONFIG_BLK_CAPACITY | VDPA_CONFIG_BLK_SIZE,
	.features = BLK_FEATURES,
	.default_features = BLK_FEATURES_DEFAULT,
	.max_queues = BLK_QUEUES_MAX,
	.create = blk_create,
	.destroy = blk_destroy,
	.serve = blk_serve,
	.worker_of = blk_worker_of,
	.get_config = blk_get_config,
	.counters = blk_counters,
};

static struct sim_parent blk_parent;

static int __init blk_init(void)
{
	return sim_register(&blk_parent, &sim_blk_class, THIS_MODULE);
}
module_init(blk_init);

/* The shared content goes when the last disk that has it is gone: it waits for them. */
static void __exit blk_exit(void)
{
	sim_unregister(&blk_parent);
	if (blk_shared)
		blk_store_put(blk_shared);
}
module_exit(blk_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Simulated vDPA disk");
MODULE_IMPORT_NS("RINGSIDE");
