// SPDX-License-Identifier: GPL-2.0-only
/* What the driver of a simulator calls: struct vdpa_ops, but for address spaces. */

#include <linux/module.h>
#include <linux/string.h>
#include <linux/virtio_ring.h>

#include "sim.h"

static int sim_set_vq_addr(struct vdpa_device *vdev, u16 index, const struct vdpa_vq_addr *addr)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct sim_queue *q = &sim->queues[index];
	const struct devq_addr areas = {
		.desc = addr->desc,
		.driver = addr->driver,
		.device = addr->device,
	};
	int err = 0;

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (q->running) {
		err = -EBUSY;
	} else if (!devq_addr_aligned(sim->features, &areas)) {
		err = -EINVAL;
	} else {
		q->addr = areas;
		q->addr_set = true;
		/* It may have been enabled before. */
		sim_queues_apply(sim);
	}
	mutex_unlock(&sim->lock);
	return err;
}

static int sim_set_vq_num(struct vdpa_device *vdev, u16 index, u32 num)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct sim_queue *q = &sim->queues[index];
	int err = 0;

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (q->running)
		err = -EBUSY;
	else if (num > SIM_QUEUE_MAX || !devq_num_ok(sim->features, num))
		err = -EINVAL;
	else
		q->num = num;
	mutex_unlock(&sim->lock);
	return err;
}

static int sim_set_vq_base(struct vdpa_device *vdev, u16 index, u32 base)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct sim_queue *q = &sim->queues[index];
	int err;

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (q->running) {
		err = -EBUSY;
	} else {
		mutex_lock(&q->mutex);
		err = devq_pos_from_base(sim->features, base, &q->ring.pos);
		mutex_unlock(&q->mutex);
	}
	mutex_unlock(&sim->lock);
	return err;
}

static int sim_get_vq_base(struct vdpa_device *vdev, u16 index, u32 *base)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct sim_queue *q = &sim->queues[index];

	if (mutex_lock_killable(&q->mutex))
		return -EINTR;
	*base = devq_pos_to_base(READ_ONCE(sim->features), &q->ring.pos);
	mutex_unlock(&q->mutex);
	return 0;
}

static int sim_set_vq_ready(struct vdpa_device *vdev, u16 index, bool ready)
{
	struct sim *sim = vdpa_to_sim(vdev);

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	WRITE_ONCE(sim->queues[index].ready, ready);
	sim_queues_apply(sim);
	mutex_unlock(&sim->lock);
	return 0;
}

static bool sim_get_vq_ready(struct vdpa_device *vdev, u16 index)
{
	return READ_ONCE(vdpa_to_sim(vdev)->queues[index].ready);
}

static void sim_set_vq_cb(struct vdpa_device *vdev, u16 index, const struct vdpa_callback *cb)
{
	struct sim_queue *q = &vdpa_to_sim(vdev)->queues[index];

	spin_lock_bh(&q->cb_lock);
	q->cb = cb ? *cb : (struct vdpa_callback) {};
	spin_unlock_bh(&q->cb_lock);
}

static void sim_kick_vq(struct vdpa_device *vdev, u16 index)
{
	/* A queue that does not run is looked at when it starts. */
	sim_kick(vdpa_to_sim(vdev), index);
}

static int sim_vq_stat(struct vdpa_device *vdev, u16 index, unsigned int n, const char **name,
		       u64 *value)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct sim_queue *q = &sim->queues[index];
	const char *const *names;
	unsigned int start, i;

	names = sim->class->counters ? sim->class->counters(sim, index) : NULL;
	for (i = 0; names && names[i] && i < n; i++)
		;
	if (!names || !names[i])
		return -ENOENT;
	*name = names[n];
	do {
		start = u64_stats_fetch_begin(&q->sync);
		*value = u64_stats_read(&q->count[n]);
	} while (u64_stats_fetch_retry(&q->sync, start));
	return 0;
}

static u32 sim_vq_group(struct vdpa_device *vdev, u16 index)
{
	return sim_group_of(vdpa_to_sim(vdev), index);
}

static u32 sim_vq_desc_group(struct vdpa_device *vdev, u16 index)
{
	struct sim *sim = vdpa_to_sim(vdev);

	return sim->ngroups + sim_group_of(sim, index);
}

/**
 * sim_groups_reset - have all groups in address space 0
 * @sim: the device
 *
 * Context: sim.lock, or nobody has the device yet. No queue runs.
 */
void sim_groups_reset(struct sim *sim)
{
	unsigned int i;

	for (i = 0; i < SIM_GROUPS; i++) {
		sim->group_asid[i] = 0;
		sim->desc_asid[i] = SIM_ASID_NONE;
	}
}

static int sim_set_group_asid(struct vdpa_device *vdev, u32 group, u32 asid)
{
	struct sim *sim = vdpa_to_sim(vdev);
	int err = 0;

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (sim->status & VIRTIO_CONFIG_S_DRIVER_OK)
		err = -EBUSY;
	else if (group < sim->ngroups)
		sim->group_asid[group] = asid;
	else
		sim->desc_asid[group - sim->ngroups] = asid;
	mutex_unlock(&sim->lock);
	return err;
}

static int sim_set_driver_features(struct vdpa_device *vdev, u64 features)
{
	struct sim *sim = vdpa_to_sim(vdev);
	int err = 0;

	if (features & ~vdev->device_features || !(features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)))
		return -EINVAL;
	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (sim->status & VIRTIO_CONFIG_S_DRIVER_OK)
		err = -EBUSY;
	else
		WRITE_ONCE(sim->features, features);
	mutex_unlock(&sim->lock);
	return err;
}

static u64 sim_get_driver_features(struct vdpa_device *vdev)
{
	return READ_ONCE(vdpa_to_sim(vdev)->features);
}

static u8 sim_get_status(struct vdpa_device *vdev)
{
	struct sim *sim = vdpa_to_sim(vdev);
	u8 broken = READ_ONCE(sim->needs_reset) ? VIRTIO_CONFIG_S_NEEDS_RESET : 0;

	return READ_ONCE(sim->status) | broken;
}

static void sim_set_status(struct vdpa_device *vdev, u8 status)
{
	struct sim *sim = vdpa_to_sim(vdev);

	/* That bit is ours: a driver who writes back what it has read means nothing by it. */
	status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	mutex_lock(&sim->lock);
	WRITE_ONCE(sim->status, status);
	sim_queues_apply(sim);
	mutex_unlock(&sim->lock);
}

static int sim_reset(struct vdpa_device *vdev)
{
	struct sim *sim = vdpa_to_sim(vdev);
	unsigned int i;

	mutex_lock(&sim->lock);
	WRITE_ONCE(sim->status, 0);
	sim->suspended = false;
	sim_queues_apply(sim);
	for (i = 0; i < vdev->nvqs; i++)
		sim_queue_reset(&sim->queues[i]);
	WRITE_ONCE(sim->needs_reset, false);
	sim_groups_reset(sim);
	WRITE_ONCE(sim->features, 0);
	WRITE_ONCE(sim->generation, sim->generation + 1);
	spin_lock_bh(&sim->config_lock);
	sim->config_cb = (struct vdpa_callback) {};
	spin_unlock_bh(&sim->config_lock);
	if (sim->class->reset)
		sim->class->reset(sim);
	mutex_unlock(&sim->lock);
	return 0;
}

static int sim_set_suspended(struct vdpa_device *vdev, bool suspended)
{
	struct sim *sim = vdpa_to_sim(vdev);

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	/* There is nothing to suspend in a device that its driver has not started. */
	if (sim->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		sim->suspended = suspended;
		sim_queues_apply(sim);
	}
	mutex_unlock(&sim->lock);
	return 0;
}

static int sim_suspend(struct vdpa_device *vdev)
{
	return sim_set_suspended(vdev, true);
}

static int sim_resume(struct vdpa_device *vdev)
{
	return sim_set_suspended(vdev, false);
}

static void sim_get_config(struct vdpa_device *vdev, unsigned int offset, void *buf,
			   unsigned int len)
{
	struct sim *sim = vdpa_to_sim(vdev);
	u8 config[SIM_CONFIG_MAX] __aligned(8) = {};

	sim->class->get_config(sim, config);
	memcpy(buf, config + offset, len);
}

static void sim_set_config(struct vdpa_device *vdev, unsigned int offset, const void *buf,
			   unsigned int len)
{
	struct sim *sim = vdpa_to_sim(vdev);

	if (sim->class->set_config)
		sim->class->set_config(sim, offset, buf, len);
}

static u32 sim_generation(struct vdpa_device *vdev)
{
	return READ_ONCE(vdpa_to_sim(vdev)->generation);
}

static void sim_set_config_cb(struct vdpa_device *vdev, const struct vdpa_callback *cb)
{
	struct sim *sim = vdpa_to_sim(vdev);

	spin_lock_bh(&sim->config_lock);
	sim->config_cb = cb ? *cb : (struct vdpa_callback) {};
	spin_unlock_bh(&sim->config_lock);
}

/**
 * sim_config_changed - tell the driver to look at configuration and status
 * @sim: the device
 *
 * Context: may be within a turn.
 */
void sim_config_changed(struct sim *sim)
{
	spin_lock_bh(&sim->config_lock);
	if (sim->config_cb.fn)
		sim->config_cb.fn(sim->config_cb.data);
	spin_unlock_bh(&sim->config_lock);
}

/* Other than by the driver, who is told of it. */
static int sim_set_attr(struct vdpa_device *vdev, const struct vdpa_config *config)
{
	struct sim *sim = vdpa_to_sim(vdev);
	int err;

	if (!sim->class->set_attr)
		return -EOPNOTSUPP;
	err = sim->class->set_attr(sim, config);
	if (err)
		return err;
	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	WRITE_ONCE(sim->generation, sim->generation + 1);
	mutex_unlock(&sim->lock);
	sim_config_changed(sim);
	return 0;
}

const struct vdpa_ops sim_ops = {
	.set_vq_addr = sim_set_vq_addr,
	.set_vq_num = sim_set_vq_num,
	.set_vq_base = sim_set_vq_base,
	.get_vq_base = sim_get_vq_base,
	.set_vq_ready = sim_set_vq_ready,
	.get_vq_ready = sim_get_vq_ready,
	.set_vq_cb = sim_set_vq_cb,
	.kick_vq = sim_kick_vq,
	.vq_stat = sim_vq_stat,
	.vq_group = sim_vq_group,
	.vq_desc_group = sim_vq_desc_group,
	.set_group_asid = sim_set_group_asid,
	.set_driver_features = sim_set_driver_features,
	.get_driver_features = sim_get_driver_features,
	.get_status = sim_get_status,
	.set_status = sim_set_status,
	.reset = sim_reset,
	.suspend = sim_suspend,
	.resume = sim_resume,
	.get_config = sim_get_config,
	.set_config = sim_set_config,
	.generation = sim_generation,
	.set_config_cb = sim_set_config_cb,
	.set_attr = sim_set_attr,
	.map_begin = sim_map_begin,
	.map_add = sim_map_add,
	.map_remove = sim_map_remove,
	.map_commit = sim_map_commit,
	.map_cancel = sim_map_cancel,
	.bind_mm = sim_bind_mm,
	.unbind_mm = sim_unbind_mm,
	.free = sim_free,
};
