/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_DEBUGFS_H
#define RINGSIDE_VHOST_DEBUGFS_H
/*
 * Files below /sys/kernel/debug/vhost, for root to read. Kernels without debugfs have
 * none.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

struct dentry *vhost_debug_dir(const char *name);
void vhost_debug_features(struct seq_file *m, const u64 *features);

/*
 * For name_show(m), which prints what m->private leads to: name_fops, for
 * debugfs_create_file_unsafe(). debugfs_remove() waits for name_show(), so that what it
 * looks at stays, but not for a reader who does not take what was printed.
 */
#define VHOST_DEBUG_FILE(name)							\
static int name##_guarded(struct seq_file *m, void *unused)			\
{										\
	struct dentry *dentry = file_dentry(m->file);				\
	int err = debugfs_file_get(dentry);					\
										\
	if (err)								\
		return err;							\
	name##_show(m);								\
	debugfs_file_put(dentry);						\
	return 0;								\
}										\
										\
static int name##_open(struct inode *inode, struct file *file)			\
{										\
	return single_open(file, name##_guarded, inode->i_private);		\
}										\
										\
static const struct file_operations name##_fops = {				\
	.owner = THIS_MODULE,							\
	.open = name##_open,							\
	.read_iter = seq_read_iter,						\
	.llseek = seq_lseek,							\
	.release = single_release,						\
}

#endif
