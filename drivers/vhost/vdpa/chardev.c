// SPDX-License-Identifier: GPL-2.0-only
/* Device files: they come and go with devices, one at a time has each open. */

#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vdpa_mgmt.h>

#include "vdpa.h"

#define VHOST_VDPA_MINORS	BIT(MINORBITS)

static DEFINE_IDA(vhost_vdpa_minors);
static dev_t vhost_vdpa_first;

static void vhost_vdpa_file_free(struct vhost_vdpa_file *file)
{
	kvfree(file->vqs);
	kvfree(file->as);
	kfree(file);
}

static struct vhost_vdpa_file *vhost_vdpa_file_alloc(struct vhost_vdpa *node)
{
	struct vdpa_device *vdev = node->vdev;
	struct vhost_vdpa_file *file;
	u32 i;

	file = kzalloc_obj(*file, GFP_KERNEL_ACCOUNT);
	if (!file)
		return NULL;
	file->node = node;
	file->vdev = vdev;
	file->vqs = kvcalloc(vdev->nvqs, sizeof(*file->vqs), GFP_KERNEL_ACCOUNT);
	file->as = kvcalloc(vdev->nas, sizeof(*file->as), GFP_KERNEL_ACCOUNT);
	if (!file->vqs || !file->as) {
		vhost_vdpa_file_free(file);
		return NULL;
	}
	mutex_init(&file->mutex);
	spin_lock_init(&file->config_lock);
	for (i = 0; i < vdev->nvqs; i++)
		vhost_vdpa_vq_init(&file->vqs[i], file, i);
	for (i = 0; i < vdev->nas; i++)
		vhost_vdpa_as_init(&file->as[i]);
	file->range = vdev->ops->iova_range ? vdev->ops->iova_range(vdev) :
		      (struct vdpa_iova_range){ .first = 0, .last = U64_MAX };
	return file;
}

/*
 * The parent's module stays as long as its device is open: rmmod says that it is in
 * use, where it would have to wait for the VMM.
 */
static int vhost_vdpa_claim(struct vhost_vdpa *node, struct module **parent)
{
	int err = 0;

	if (mutex_lock_killable(&node->lock))
		return -EINTR;
	if (node->gone || node->leaving) {
		err = -ENODEV;
	} else if (node->opened) {
		err = -EBUSY;
	} else {
		*parent = node->vdev->mgmt->owner;
		if (try_module_get(*parent))
			node->opened = true;
		else
			err = -ENODEV;
	}
	mutex_unlock(&node->lock);
	return err;
}

/* After this the device may be gone; the node is there while a file refers to it. */
static void vhost_vdpa_unclaim(struct vhost_vdpa *node, struct module *parent)
{
	mutex_lock(&node->lock);
	WRITE_ONCE(node->opened, false);
	mutex_unlock(&node->lock);
	wake_up_all(&node->closed);
	module_put(parent);
}

static int vhost_vdpa_open(struct inode *inode, struct file *filp)
{
	struct vhost_vdpa *node = container_of(inode->i_cdev, struct vhost_vdpa, cdev);
	struct vhost_vdpa_file *file;
	struct module *parent;
	int err;

	err = vhost_vdpa_claim(node, &parent);
	if (err)
		return err;
	file = vhost_vdpa_file_alloc(node);
	if (!file) {
		err = -ENOMEM;
		goto unclaim;
	}
	file->parent = parent;
	/* As the last one, or a driver before us, has left it. */
	mutex_lock(&file->mutex);
	err = vhost_vdpa_reset(file);
	mutex_unlock(&file->mutex);
	if (err)
		goto free;
	vhost_vdpa_debug_add(file);
	filp->private_data = file;
	return 0;

free:
	vhost_vdpa_disown(file);
	vhost_vdpa_file_free(file);
unclaim:
	vhost_vdpa_unclaim(node, parent);
	return err;
}

static int vhost_vdpa_release(struct inode *inode, struct file *filp)
{
	struct vhost_vdpa_file *file = filp->private_data;
	struct vhost_vdpa *node = file->node;
	struct module *parent = file->parent;

	vhost_vdpa_debug_remove(file);
	vhost_vdpa_disown(file);
	vhost_vdpa_file_free(file);
	vhost_vdpa_unclaim(node, parent);
	return 0;
}

static long vhost_vdpa_file_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	return vhost_vdpa_ioctl(filp->private_data, cmd, arg);
}

static ssize_t vhost_vdpa_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	return vhost_vdpa_write(iocb->ki_filp->private_data, from);
}

static int vhost_vdpa_file_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return vhost_vdpa_mmap(filp->private_data, vma);
}

static const struct file_operations vhost_vdpa_fops = {
	.owner = THIS_MODULE,
	.open = vhost_vdpa_open,
	.release = vhost_vdpa_release,
	.write_iter = vhost_vdpa_file_write_iter,
	.unlocked_ioctl = vhost_vdpa_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vhost_vdpa_file_mmap,
	.llseek = noop_llseek,
};

static void vhost_vdpa_node_release(struct device *dev)
{
	struct vhost_vdpa *node = container_of(dev, struct vhost_vdpa, dev);

	ida_free(&vhost_vdpa_minors, node->minor);
	mutex_destroy(&node->lock);
	kfree(node);
}

static int vhost_vdpa_probe(struct vdpa_device *vdev)
{
	struct vhost_vdpa *node = kzalloc_obj(*node);
	int err;

	if (!node)
		return -ENOMEM;
	node->minor = ida_alloc_max(&vhost_vdpa_minors, VHOST_VDPA_MINORS - 1, GFP_KERNEL);
	if (node->minor < 0) {
		err = node->minor;
		kfree(node);
		return err;
	}
	node->vdev = vdev;
	mutex_init(&node->lock);
	init_waitqueue_head(&node->closed);
	device_initialize(&node->dev);
	node->dev.release = vhost_vdpa_node_release;
	node->dev.parent = &vdev->dev;
	node->dev.devt = MKDEV(MAJOR(vhost_vdpa_first), node->minor);
	cdev_init(&node->cdev, &vhost_vdpa_fops);
	node->cdev.owner = THIS_MODULE;
	dev_set_drvdata(&vdev->dev, node);
	err = dev_set_name(&node->dev, "vhost-vdpa-%d", node->minor);
	if (!err)
		err = cdev_device_add(&node->cdev, &node->dev);
	if (err)
		put_device(&node->dev);
	return err;
}

static void vhost_vdpa_set_leaving(struct vhost_vdpa *node, bool leaving)
{
	mutex_lock(&node->lock);
	node->leaving = leaving;
	mutex_unlock(&node->lock);
}

/* An operator who gets tired of waiting leaves the device to its VMM. */
static int vhost_vdpa_vacate(struct vdpa_device *vdev, bool leave)
{
	struct vhost_vdpa *node = dev_get_drvdata(&vdev->dev);

	vhost_vdpa_set_leaving(node, leave);
	if (!leave || !wait_event_killable(node->closed, !READ_ONCE(node->opened)))
		return 0;
	vhost_vdpa_set_leaving(node, false);
	return -EINTR;
}

/* Waits until the file is closed: nobody can take the device from a VMM half-way. */
static void vhost_vdpa_remove(struct vdpa_device *vdev)
{
	struct vhost_vdpa *node = dev_get_drvdata(&vdev->dev);

	cdev_device_del(&node->cdev, &node->dev);
	mutex_lock(&node->lock);
	node->gone = true;
	mutex_unlock(&node->lock);
	wait_event_idle(node->closed, !READ_ONCE(node->opened));
	put_device(&node->dev);
}

static struct vdpa_driver vhost_vdpa_driver = {
	.driver = {
		.name = "vhost_vdpa",
	},
	.probe = vhost_vdpa_probe,
	.remove = vhost_vdpa_remove,
	.vacate = vhost_vdpa_vacate,
};

static int __init vhost_vdpa_init(void)
{
	int err;

	err = alloc_chrdev_region(&vhost_vdpa_first, 0, VHOST_VDPA_MINORS, "vhost-vdpa");
	if (err)
		return err;
	err = vdpa_driver_register(&vhost_vdpa_driver);
	if (err)
		unregister_chrdev_region(vhost_vdpa_first, VHOST_VDPA_MINORS);
	return err;
}
module_init(vhost_vdpa_init);

static void __exit vhost_vdpa_exit(void)
{
	vdpa_driver_unregister(&vhost_vdpa_driver);
	unregister_chrdev_region(vhost_vdpa_first, VHOST_VDPA_MINORS);
	ida_destroy(&vhost_vdpa_minors);
}
module_exit(vhost_vdpa_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("vDPA devices for VMMs");
MODULE_IMPORT_NS("RINGSIDE");
