/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that a process gets from the kernel. The option is set wherever the
 * kernel was built with any vhost device, as built-in code; without it there is
 * no such thread to be had (6.1 has not even the header).
 */
#ifndef RINGSIDE_COMPAT_SCHED_VHOST_TASK_H
#define RINGSIDE_COMPAT_SCHED_VHOST_TASK_H

#include <linux/err.h>

#ifdef CONFIG_VHOST_TASK
#include_next <linux/sched/vhost_task.h>

/* pre-6.14 and not every 6.12.y: NULL for any failure, whose reason is lost. */
static inline struct vhost_task *
compat_vhost_task_create(bool (*fn)(void *), void (*killed)(void *), void *arg, const char *name)
{
	struct vhost_task *vtsk = vhost_task_create(fn, killed, arg, name);

	return vtsk ?: ERR_PTR(-ENOMEM);
}

#define vhost_task_create(fn, killed, arg, name) compat_vhost_task_create(fn, killed, arg, name)
#else
struct vhost_task;

static inline struct vhost_task *
vhost_task_create(bool (*fn)(void *), void (*killed)(void *), void *arg, const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void vhost_task_start(struct vhost_task *vtsk)
{
}

static inline void vhost_task_stop(struct vhost_task *vtsk)
{
}
#endif

#endif
