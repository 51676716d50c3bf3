// SPDX-License-Identifier: GPL-2.0-only
/* What all ioctls have in common: the device's mutex, who may, the argument. */

#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "vhost.h"

static int vhost_ioctl_copy(const struct vhost_ioctl_target *target,
			    const struct vhost_ioctl_head *row, void __user *user)
{
	u64 arg[VHOST_IOCTL_ARG / sizeof(u64)] = {};
	size_t size = _IOC_SIZE(row->cmd);
	int err;

	if (row->flags & VHOST_IOCTL_RAW)
		return target->call(target->dev, row, NULL, user);
	if (WARN_ON_ONCE(size > sizeof(arg)))
		return -EINVAL;
	if ((_IOC_DIR(row->cmd) & _IOC_WRITE) && copy_from_user(arg, user, size))
		return -EFAULT;
	err = target->call(target->dev, row, arg, user);
	if (err)
		return err;
	if (((_IOC_DIR(row->cmd) & _IOC_READ) || (row->flags & VHOST_IOCTL_OUT)) &&
	    copy_to_user(user, arg, size))
		return -EFAULT;
	return 0;
}

/**
 * vhost_ioctl - one ioctl from begin to end
 * @target: the device
 * @row: what to call, NULL if the device does not know the number
 * @user: its argument
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: 0; -EPERM if the caller is not the owner and would have to be, -ENOTTY
 * without @row, -EFAULT, -EINTR, or what the handler says.
 */
long vhost_ioctl(const struct vhost_ioctl_target *target, const struct vhost_ioctl_head *row,
		 void __user *user)
{
	struct mm_struct *mm;
	long ret;

	if (mutex_lock_killable(target->mutex))
		return -EINTR;
	mm = *target->mm;
	if (row && (row->flags & VHOST_IOCTL_OWNED) && !mm)
		ret = -EINVAL;
	else if (!(row && (row->flags & VHOST_IOCTL_ANYONE)) && mm != current->mm)
		ret = -EPERM;
	else if (!row)
		ret = -ENOTTY;
	else
		ret = vhost_ioctl_copy(target, row, user);
	mutex_unlock(target->mutex);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(vhost_ioctl, "RINGSIDE");
