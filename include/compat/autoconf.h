/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included in front of every file: the switches of what this tree builds, so
 * that IS_ENABLED() tells the truth where the kernel itself was configured
 * without it. No kernel header may be pulled in here: pr_fmt() and the like
 * are defined after this.
 */
#ifndef RINGSIDE_COMPAT_AUTOCONF_H
#define RINGSIDE_COMPAT_AUTOCONF_H

#ifndef CONFIG_VHOST_MODULE
#define CONFIG_VHOST_MODULE 1
#endif

#ifndef CONFIG_VHOST_NET_MODULE
#define CONFIG_VHOST_NET_MODULE 1
#endif

#ifndef CONFIG_VHOST_VSOCK_MODULE
#define CONFIG_VHOST_VSOCK_MODULE 1
#endif

#ifndef CONFIG_VHOST_SCSI_MODULE
#define CONFIG_VHOST_SCSI_MODULE 1
#endif

#ifndef CONFIG_VHOST_VDPA_MODULE
#define CONFIG_VHOST_VDPA_MODULE 1
#endif

#ifndef CONFIG_VDPA_MODULE
#define CONFIG_VDPA_MODULE 1
#endif

#ifndef CONFIG_VIRTIO_VDPA_MODULE
#define CONFIG_VIRTIO_VDPA_MODULE 1
#endif

#endif
